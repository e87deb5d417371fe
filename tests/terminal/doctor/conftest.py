"""A machine that lacks nothing."""

import pytest

from mirror.terminal.doctor.access import SERVICES
from mirror.terminal.doctor.machine import Machine
from mirror.terminal.doctor.targets import TARGETS

CARD = ("NVIDIA H100 80GB HBM3", 85_000_000_000)


@pytest.fixture
def machine():
    """Eight large cards, and all else."""
    return Machine((3, 12), [CARD] * 8, memory=10**12, has_module=lambda name: True)


@pytest.fixture
def settings(monkeypatch):
    """Of the published counseling, in an environment without keys and services."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MIRROR_SERVICE_TOKEN", *SERVICES):
        monkeypatch.delenv(name, raising=False)
    return TARGETS["80gb"].counseling
