"""InternVL as the counselor."""

import pytest

from tests.family_proofs import prove_briefly


@pytest.mark.slow
@pytest.mark.proof
def test_it_can_be_the_counselor(output):
    prove_briefly("internvl", output)
