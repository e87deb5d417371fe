"""What a run will need of a device's memory, before its models load: parts, who rests, and whether it fits.

Loads no model and no library of models.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import pandas as pd

Offload = Literal["auto", "none", "counselor", "painter", "all"]
# Whose weights rest in CPU memory while another model works; the first that fits is what `auto` chooses.
RESTING: dict[str, frozenset[str]] = {
    "none": frozenset(),
    "counselor": frozenset({"counselor"}),
    "painter": frozenset({"painter"}),
    "all": frozenset({"counselor", "describer", "painter"}),
}
EMPTY: Mapping[str, int | None] = MappingProxyType({})
LIBRARIES = 10**9  # bytes beside models and their work on a GPU: kernels, workspaces, memory between pieces in use


class DoesNotFit(ValueError):
    """The models of a run do not fit the device; the message says what would."""


@dataclass(frozen=True)
class Part:
    """The need of one model, in bytes.

    Attributes:
        role: `counselor`, `describer`, `painter` or `filters`.
        weights: None if they are still to be downloaded.
        cache: stays on the device, also while the weights rest.
        work: working memory, besides.
    """

    role: str
    weights: int | None
    cache: int = 0
    work: int = 0

    @property
    def moving(self) -> int:
        """What leaves the device when the model rests."""
        return (self.weights or 0) + self.work


@dataclass(frozen=True)
class Plan:
    """The need of a run on its device.

    Attributes:
        parts: one per model in this process.
        offload: `none`, `counselor`, `painter` or `all`.
        device: `cpu`, or the GPU's name.
        available: bytes of the device that this process can have.
        host: bytes of the machine's CPU memory.
    """

    parts: tuple[Part, ...]
    offload: str
    device: str
    available: int
    host: int

    @property
    def resting(self) -> frozenset[str]:
        """The roles whose weights rest while another model works."""
        return RESTING[self.offload] & {part.role for part in self.parts}

    @property
    def needed(self) -> int:
        """Bytes of the device at the most demanding moment of a turn."""
        stay = sum(part.cache + (0 if part.role in self.resting else part.moving) for part in self.parts)
        turns = [part.moving for part in self.parts if part.role in self.resting]
        return stay + max(turns, default=0) + self.libraries

    @property
    def libraries(self) -> int:
        """Bytes beside the models."""
        return 0 if self.device == "cpu" else LIBRARIES

    @property
    def kept(self) -> int:
        """Bytes of CPU memory for weights at rest."""
        return sum(part.weights or 0 for part in self.parts if part.role in self.resting)

    @property
    def unknown(self) -> list[str]:
        """The roles whose weights are still to be downloaded, and are not counted."""
        return [part.role for part in self.parts if part.weights is None]

    @property
    def fits(self) -> bool:
        """Whether device and machine have what is needed. A CPU is never refused: it can swap."""
        return self.device == "cpu" or (self.needed <= self.available and self.kept <= self.host)

    def table(self) -> pd.DataFrame:
        """One row per part; then libraries, what is needed at a time, and what there is."""
        rows = [
            _row(
                part.role,
                part.cache + part.moving,
                part.weights if part.role in self.resting else 0,
                {"weights": part.weights, "cache of replies": part.cache, "at work": part.work},
            )
            for part in self.parts
        ]
        rows += [_row("libraries", self.libraries)] if self.libraries else []
        rows.append(_row(f"needed at a time, with offload {self.offload}", self.needed, self.kept))
        rows.append(_row(f"there is ({self.device})", self.available, self.host))
        return pd.DataFrame(rows)

    def sentence(self) -> str:
        """The need beside what there is: `needs 22.1 GB of 25.3 GB (NVIDIA …), offload all, 22.0 GB in CPU memory`."""
        told = f"needs about {shown(self.needed)} of {shown(self.available)} ({self.device})"
        told += f", offload {self.offload}" + (f", {shown(self.kept)} in CPU memory" if self.kept else "")
        return told + "".join(f"; {role}: not downloaded yet, so not counted" for role in self.unknown)


def _row(name: str, together: int, at_rest: int | None = 0, sizes: Mapping[str, int | None] = EMPTY) -> dict[str, str]:
    columns = dict.fromkeys(("weights", "cache of replies", "at work"), 0) | dict(sizes)
    columns |= {"together": together, "in CPU memory at rest": at_rest}
    return {"": name} | {column: shown(size) for column, size in columns.items()}


def shown(size: int | None) -> str:
    """A number of bytes for reading, in powers of ten."""
    if size is None:
        return "not known yet"
    return "" if not size else f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{max(size / 1e6, 0.1):.1f} MB"


def choose(parts: Iterable[Part], offload: str, device: str, available: int, host: int) -> Plan:
    """The plan with this `offload`; with `auto`, the one that moves least of those that fit, or the smallest."""
    plans = [Plan(tuple(parts := tuple(parts)), name, device, available, host) for name in RESTING]
    if offload != "auto":
        return next(plan for plan in plans if plan.offload == offload)
    return next((plan for plan in plans if plan.fits), min(plans, key=lambda plan: plan.needed))


def require(plan: Plan, others: Iterable[tuple[Mapping[str, int], Plan]]) -> Plan:
    """The plan, if it fits.

    Args:
        plan: of the run.
        others: changes of settings, preferred ones first, with the plan that each gives.

    Raises:
        DoesNotFit: it does not; the message says which of the others does.
    """
    if plan.fits:
        return plan
    parts = ", ".join(
        f"{part.role} {shown(part.weights)} + {shown(part.cache + part.work) or '0'}" for part in plan.parts
    )
    message = f"the models do not fit: the run {plan.sentence()} (weights + work: {parts}); "
    if found := next(((changes, other) for changes, other in others if other.fits), None):
        changes, other = found
        named = ", ".join(f"{name} {value}" for name, value in {**changes, "offload": other.offload}.items())
        raise DoesNotFit(f"{message}with {named} it needs {shown(other.needed)} and fits")
    raise DoesNotFit(
        f"{message}no smaller batch and no offload fits; use a larger or an idle GPU, a smaller model, a service or an "
        "endpoint for one of the roles, or a smaller image_size"
    )
