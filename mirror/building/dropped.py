"""What a step of the building left out, and why: one record per dialogue, turn or portrait."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Generic, TypeVar

import pandas as pd

Kept = TypeVar("Kept")
STEPS = ("read", "write", "text", "portrait", "match", "picture", "record")


@dataclass(frozen=True)
class Dropped:
    """One dialogue, turn or portrait that a step left out.

    Attributes:
        step: one of `STEPS`.
        idx: of the dialogue, or the file of the portrait.
        line: position of the line in the screenplay that is at fault; None if the whole is.
        reason: a short name, such as `too_few_turns`; counts are made by it.
        detail: what was found, as a sentence.
        what: what was left out because of it.
    """

    step: str
    idx: str
    line: int | None
    reason: str
    detail: str
    what: str = "dialogue"


@dataclass(frozen=True)
class Sifted(Generic[Kept]):
    """The result of a step.

    Attributes:
        kept: what goes on to the next step, in the order of the input.
        dropped: what was left out, in the order of the input.
    """

    kept: tuple[Kept, ...]
    dropped: tuple[Dropped, ...]


def dropped_table(dropped: Iterable[Dropped]) -> pd.DataFrame:
    """One row per entry: step, idx, line, reason, detail, what."""
    columns = ["step", "idx", "line", "reason", "detail", "what"]
    return pd.DataFrame([asdict(one) for one in dropped], columns=columns).astype({"line": "Int64"})


def count_reasons(dropped: Sequence[Dropped]) -> pd.DataFrame:
    """One row per step and reason, in the order of the steps: step, reason, what, count."""
    table = dropped_table(dropped)
    counts = table.groupby(["step", "reason", "what"], sort=True).size().rename("count").reset_index()
    order = counts["step"].map({step: place for place, step in enumerate(STEPS)})
    return counts.iloc[order.argsort(kind="stable")].reset_index(drop=True)


def kept_and_dropped(kept: int, dropped: Sequence[Dropped], what: str = "dialogue") -> pd.DataFrame:
    """The table of `count_reasons` below a row with the number of what was kept."""
    first = pd.DataFrame([["", "kept", what, kept]], columns=["step", "reason", "what", "count"])
    return pd.concat([first, count_reasons(dropped)], ignore_index=True)
