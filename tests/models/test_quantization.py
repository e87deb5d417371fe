"""4 bits are refused by name where they cannot be had."""

from importlib.machinery import ModuleSpec

import pytest

from mirror.models import quantization
from mirror.models.quantization import nf4_obstacle


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        ([], "needs the package bitsandbytes, which is not installed; pip install --constraint constraints.txt"),
        (["bitsandbytes", "kernels"], "bitsandbytes would run code from the Hub; first pip uninstall kernels"),
        (["bitsandbytes"], ""),
    ],
)
def test_what_is_missing_or_in_the_way_is_named(installed, message, monkeypatch):
    monkeypatch.setattr(quantization, "find_spec", lambda name: ModuleSpec(name, None) if name in installed else None)
    found = nf4_obstacle()
    assert message in found and bool(message) == bool(found)
