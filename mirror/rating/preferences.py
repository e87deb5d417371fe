"""Which of two arms a judge prefers on the same client: `results/<rating run>/preferences.jsonl`, one line per answer.

Every two sessions are shown in both orders, since judges lean to a place. The file lies with the rating run: a line
belongs to two arms. A line is like one of `ratings.jsonl`, but for

    first, second   the runs whose sessions were shown first and second; the judge did not know which
    scores          by item `first`, `second` or `neither`; null where missing

Knows nothing of how an answer is made.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from mirror.rating.ratings import Status, read_lines
from mirror.statistics import estimate, sign_flip_test

FILE = "preferences.jsonl"
COLUMNS = "idx instrument repeat first second item preferred judge status".split()
WORTH = {"first": 1.0, "neither": 0.5, "second": 0.0}


class Preference(BaseModel):
    """One answer of a judge, a line of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idx: str
    first: str
    second: str
    instrument: str
    repeat: int = Field(ge=1)
    status: Status
    scores: dict[str, Literal["first", "second", "neither"] | None]
    reason: str = ""
    raw: str
    judge: str
    run: str
    asked: str
    attempts: int
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""


def read_preferences(folder: Path) -> pd.DataFrame:
    """The preferences in a rating run's folder, one row per item of an answer; empty where there are none.

    Returns:
        idx, instrument, repeat, item, judge, status: as in the file.
        first, second: the runs in the order in which they were shown.
        preferred: `first`, `second` or `neither`; None where it is missing.

    Raises:
        RatingsError: the file has a line that is no preference.
    """
    rows = [
        (line.idx, line.instrument, line.repeat, line.first, line.second, item, preferred, line.judge, line.status)
        for line in read_lines(folder / FILE, Preference)
        for item, preferred in line.scores.items()
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"preferred": object})
    one = ["idx", "instrument", "repeat", "first", "second", "item", "judge"]
    return table.drop_duplicates(one, keep="last").reset_index(drop=True)


def compare_preferences(preferences: pd.DataFrame, seed: int) -> pd.DataFrame:
    """How often one arm is preferred to the other, one row per pair of arms, item and judge.

    A client counts once: the mean over repeats of both orders, 1 for the arm, 0 for the other, 1/2 for neither. Where a
    repeat lacks one of the orders it counts as missing, since half of it would favor a place.

    Args:
        preferences: as `read_preferences` gives them.

    Returns:
        arm, other: in the order of their names.
        share, low, high: of the clients with whom the arm is preferred, 0.5 for no difference; bootstrap interval.
        n, missing: clients that count, and that have no repeat with both orders.
        p: two-sided, of the sign-flip test on share - 0.5.
        consistent: share of repeats in which both orders prefer the same (or neither).
        first_preferred: share of answers for the session shown first; 0.5 where the place does not matter.
    """
    if preferences.empty:
        return pd.DataFrame(columns="arm other instrument item judge share low high n missing p".split())
    arms = np.sort(preferences[["first", "second"]].to_numpy(str), axis=1)
    given = preferences.assign(
        arm=arms[:, 0], other=arms[:, 1], worth=preferences["preferred"].map(WORTH).astype(float)
    )
    given["is_first"] = given["first"] == given["arm"]
    given["for_arm"] = given["worth"].where(given["is_first"], 1 - given["worth"])
    keys = ["arm", "other", "instrument", "item", "judge"]
    return pd.DataFrame([dict(zip(keys, key, strict=True)) | _row(group, seed) for key, group in given.groupby(keys)])


def _row(group: pd.DataFrame, seed: int) -> dict[str, float]:
    orders = group.pivot(index=["idx", "repeat"], columns="is_first", values="for_arm").reindex(columns=[False, True])
    whole = orders.mean(axis=1, skipna=False)
    clients = whole.groupby("idx").mean()
    found = estimate(clients, seed, bounds=(0, 1))
    both = orders.dropna()
    p = sign_flip_test(clients.dropna().to_numpy()[:, None] - 0.5, seed)[0] if found.n else np.nan
    return {
        "share": found.mean,
        **{name: getattr(found, name) for name in ("low", "high", "n", "missing")},
        "p": p,
        "consistent": (both[False] == both[True]).mean() if len(both) else np.nan,
        "first_preferred": group["worth"].mean(),
    }
