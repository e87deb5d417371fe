"""How the time of the ranks was spent: own work, waiting for slower ranks, adding up the gradients."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RankTime:
    """The time of one rank, in seconds.

    Attributes:
        rank: its number.
        host: its machine.
        device: its GPU's name, or `cpu`.
        elapsed: of the training so far, without its first step.
        work: forward and backward passes.
        waiting: for slower ranks, after its own passes.
        adding: the gradients over all ranks.
    """

    rank: int
    host: str
    device: str
    elapsed: float
    work: float
    waiting: float
    adding: float


@dataclass(frozen=True)
class Waits:
    """The times of all ranks, in their order."""

    ranks: tuple[RankTime, ...]

    @property
    def waiting(self) -> float:
        """Share of all ranks' time spent waiting for slower ranks, 0…1."""
        return self._share([rank.waiting for rank in self.ranks])

    @property
    def adding(self) -> float:
        """Share of all ranks' time spent adding up gradients, 0…1."""
        return self._share([rank.adding for rank in self.ranks])

    @property
    def slowest(self) -> RankTime:
        """The rank whose own work took longest."""
        return max(self.ranks, key=lambda rank: rank.work)

    def _share(self, seconds: Sequence[float]) -> float:
        return sum(seconds) / max(sum(rank.elapsed for rank in self.ranks), 1e-9)

    def __str__(self) -> str:
        """The times as one line."""
        mean = sum(rank.work for rank in self.ranks) / len(self.ranks)
        above = f", {self.slowest.work / mean - 1:.0%} above the mean" if mean else ""
        return (
            f"{len(self.ranks)} ranks: {self.waiting:.1%} of their time waiting for slower ranks, {self.adding:.1%} "
            f"adding gradients; slowest: rank {self.slowest.rank} on {self.slowest.host}{above}"
        )

    def facts(self) -> dict[str, Any]:
        """The times for the record of a run."""
        return {
            "count": len(self.ranks),
            "waiting_share": round(self.waiting, 4),
            "adding_share": round(self.adding, 4),
            "slowest": self.slowest.rank,
            "ranks": [
                {name: round(value, 3) if isinstance(value, float) else value for name, value in vars(rank).items()}
                for rank in self.ranks
            ],
        }
