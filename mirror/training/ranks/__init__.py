"""The processes (ranks) that train one model together: what a step needs of them, and the form of a single process.

Several processes are in `mirror.training.ranks.group`; how they start is in `launch` (one machine) and `torchrun`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from mirror.training.ranks.waits import Waits


class Ranks:
    """A single process: there is nothing to exchange. Subclassed for several.

    Every method but `working` is called by all ranks at the same place, and in the same order.

    Attributes:
        number: of this rank, from 0. Rank 0 writes and prints; the others are silent.
        count: of all ranks.
    """

    number: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this rank writes checkpoints, losses and messages."""
        return self.number == 0

    def connect(self) -> None:
        """Wait until every rank has loaded its model and data."""

    def gather(self, *values: float) -> list[tuple[float, ...]]:
        """The values of every rank, in the order of the ranks."""
        return [values]

    def add(self, tensor: torch.Tensor) -> None:
        """Replace `tensor` by its sum over all ranks, the same to the bit on all."""

    def spread(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace the tensors by those of rank 0."""

    def spread_json(self, value: Any) -> Any:
        """The value that rank 0 gave, of JSON types."""
        return value

    @contextmanager
    def working(self) -> Iterator[None]:
        """Measure the block as this rank's own work; the next `gather` then waits for slower ranks."""
        yield

    def waits(self) -> Waits | None:
        """How the ranks' time was spent since the last call of `forget_times`; None for a single process."""
        return None

    def forget_times(self) -> None:
        """Measure anew: the first step also compiles and allocates."""


ALONE = Ranks()
