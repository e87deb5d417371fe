"""Preferences between two arms on the same client: `results/<rating run>/preferences.jsonl`.

A judge is shown each pair of sessions in both orders, because judges are biased toward a position. A person (kind
`human`) sees a pair once, in an order drawn by lot. The file is stored with the rating run, since a line concerns two
arms. A line is one answer, with the fields of `ratings.jsonl` except

    first, second   the runs whose sessions were shown first and second; the judge did not know them
    scores          by item `first`, `second` or `neither`; null if missing
"""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from mirror.files.json_lines import read_lines
from mirror.rating.ratings import Kind, Status
from mirror.statistics import estimate, sign_flip_test
from mirror.statistics.intervals import LEVEL, RESAMPLES
from mirror.transcripts.session_name import client_of

FILE = "preferences.jsonl"
COLUMNS = "idx instrument repeat first second item preferred judge status kind".split()
COMPARED = "arm other instrument item judge share low high n missing wins ties losses p".split()
WORTH = {"first": 1.0, "neither": 0.5, "second": 0.0}


class PreferenceRecord(BaseModel):
    """One answer of a judge or a person, a line of the file."""

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
    kind: Kind = Field("judge", exclude_if=lambda kind: kind == "judge")


def read_preferences(folder: Path) -> pd.DataFrame:
    """Reads the preferences in a rating run's folder.

    Returns:
        One row per item of an answer; empty if there are none. Columns:
        idx, instrument, repeat, item, judge, status, kind: as in the file.
        first, second: the runs in the order shown.
        preferred: `first`, `second` or `neither`; None if missing.

    Raises:
        JsonLinesError: The file has an invalid line.
    """
    rows = [
        (
            *(line.idx, line.instrument, line.repeat, line.first, line.second, item, preferred),
            *(line.judge, line.status, line.kind),
        )
        for line in read_lines(folder / FILE, PreferenceRecord)
        for item, preferred in line.scores.items()
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"preferred": object})
    one = ["idx", "instrument", "repeat", "first", "second", "item", "judge"]
    return table.drop_duplicates(one, keep="last").reset_index(drop=True)


def compare_preferences(
    preferences: pd.DataFrame, seed: int, resamples: int = RESAMPLES, level: float = LEVEL
) -> pd.DataFrame:
    """Computes how often one arm is preferred over the other.

    Each client counts once, with the mean over sessions, repeats and both orders: 1 for the arm, 0 for the other, 1/2
    for neither. A judge's repeat without one of the orders counts as missing, since the other order alone would be
    biased; a person's counts as it is.

    Args:
        preferences: The table of `read_preferences`.
        seed: Of the bootstrap and the test.
        resamples: Of both.
        level: Of the intervals, from 0 to 1.

    Returns:
        One row per pair of arms, item and judge. Columns:
        arm, other: in alphabetical order.
        share, low, high: share of clients for whom the arm is preferred, 0.5 for no difference; bootstrap interval.
        n, missing: clients with, and without, a repeat in both orders; of a person, with and without an answer.
        wins, ties, losses: numbers of answers for the arm, for neither, and for the other.
        p: two-sided p-value of the sign-flip test on share - 0.5.
        consistent: share of repeats in which both orders prefer the same session (or neither).
        first_preferred: share of answers for the session shown first; 0.5 without position bias.
    """
    if preferences.empty:
        return pd.DataFrame(
            columns="arm other instrument item judge share low high n missing wins ties losses p".split()
        )
    arms = np.sort(preferences[["first", "second"]].to_numpy(str), axis=1)
    given = preferences.assign(
        arm=arms[:, 0], other=arms[:, 1], worth=preferences["preferred"].map(WORTH).astype(float)
    )
    given["is_first"] = given["first"] == given["arm"]
    given["for_arm"] = given["worth"].where(given["is_first"], 1 - given["worth"])
    keys = ["arm", "other", "instrument", "item", "judge"]
    how = seed, resamples, level
    return pd.DataFrame([dict(zip(keys, key, strict=True)) | _row(group, *how) for key, group in given.groupby(keys)])


def _row(group: pd.DataFrame, seed: int, resamples: int, level: float) -> dict[str, float]:
    orders = group.pivot(index=["idx", "repeat"], columns="is_first", values="for_arm").reindex(columns=[False, True])
    both_orders = orders.mean(axis=1, skipna=bool((group["kind"] == "human").all()))
    clients = both_orders.groupby(both_orders.index.get_level_values("idx").map(client_of)).mean()
    found = estimate(clients, seed, resamples, level, bounds=(0, 1))
    both = orders.dropna()
    p = sign_flip_test(clients.dropna().to_numpy()[:, None] - 0.5, seed, resamples)[0] if found.n else np.nan
    return {
        "share": found.mean,
        **{name: getattr(found, name) for name in ("low", "high", "n", "missing")},
        **{name: int((group["for_arm"] == worth).sum()) for name, worth in (("wins", 1), ("ties", 0.5), ("losses", 0))},
        "p": p,
        "consistent": (both[False] == both[True]).mean() if len(both) else np.nan,
        "first_preferred": group["worth"].mean(),
    }
