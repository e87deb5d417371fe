"""Gemma 4 as the counselor; that of Gemma 3 is among the proofs."""

import pytest

from tests.family_proofs import prove_briefly


@pytest.mark.slow
def test_it_can_be_the_counselor(output):
    prove_briefly("gemma4", output)
