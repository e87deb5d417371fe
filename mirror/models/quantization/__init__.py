"""Frozen weights in fewer bits, for cards with little memory: the choice, and whether it can be had here.

Imports no library of models; the work is `mirror.models.quantization.nf4`'s.
"""

from importlib.util import find_spec
from typing import Literal

Quantize = Literal["none", "nf4"]

INSTALL = "pip install --constraint constraints.txt --editable '.[nf4]'"


def nf4_obstacle() -> str:
    """Why weights cannot be quantized in this environment, and what to do; empty if they can."""
    if find_spec("bitsandbytes") is None:
        return f"quantize nf4 needs the package bitsandbytes, which is not installed; {INSTALL}, or set quantize none"
    if find_spec("kernels") is not None:
        return (
            "quantize nf4: bitsandbytes would run code from the Hub; first pip uninstall kernels, or set quantize none"
        )
    return ""
