"""A machine that lacks nothing."""

import pytest

from mirror.terminal.doctor.machine import Machine

CARD = ("NVIDIA H100 80GB HBM3", 85_000_000_000)


@pytest.fixture
def machine():
    """Eight large cards, and all else."""
    return Machine((3, 12), [CARD] * 8, memory=10**12, disk=10**12, has_module=lambda name: True)
