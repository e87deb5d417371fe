"""Idefics3 and SmolVLM as the counselor."""

import pytest

from tests.family_proofs import prove_briefly


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["idefics3", "smolvlm"])
def test_it_can_be_the_counselor(kind, output):
    prove_briefly(kind, output, alone=kind == "smolvlm")
