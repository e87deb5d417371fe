"""Seconds of work: CPU time of this process, so that other work does not count; on a GPU, until it has ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from mirror.models.device import device_name


@dataclass
class Lap:
    """One measured piece of work.

    Attributes:
        seconds: that it took; 0 while it is going on.
    """

    seconds: float = 0.0


class Stopwatch:
    """Measures work on one device."""

    def __init__(self, device: str) -> None:
        """`device` is `cpu`, `cuda` or `cuda:<number>`."""
        self.device = torch.device(device)

    @property
    def unit(self) -> str:
        """What a second is a second of: `CPU` or `GPU`."""
        return "GPU" if self.device.type == "cuda" else "CPU"

    @property
    def hardware(self) -> str:
        """The GPU's product name, or `cpu`."""
        return device_name(self.device)

    @contextmanager
    def lap(self) -> Iterator[Lap]:
        """Measures the `with` block: CPU time of all threads of this process, or the time until the GPU has ended."""
        found = Lap()
        start = self._now()
        yield found
        found.seconds = self._now() - start

    def _now(self) -> float:
        if self.device.type != "cuda":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()
