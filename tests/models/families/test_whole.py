"""All that holds for the models of every family, one test a family; also `python -m tests.family_proofs`."""

import pytest

from tests.family_proofs import prove
from tests.tiny_families import TINY


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.parametrize("kind", TINY)
def test_all_holds_for_a_family(kind, output):
    prove(kind, output)
