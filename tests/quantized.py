"""Marks the tests that hold weights in 4 bits."""

from importlib.util import find_spec

import pytest

MARKS = (
    pytest.mark.slow,
    pytest.mark.proof,
    pytest.mark.skipif(find_spec("bitsandbytes") is None, reason="needs the extra nf4; `make proofs` installs it"),
)


def needs_nf4(test):
    """Leaves a test to `make proofs`, which installs bitsandbytes."""
    for mark in MARKS:
        test = mark(test)
    return test
