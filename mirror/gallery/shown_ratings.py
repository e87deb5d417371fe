"""The ratings of a run as the gallery shows them: means over repeats by session, and one score per measure."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import isnan

import pandas as pd

from mirror.rating.ratings import is_evidence


@dataclass(frozen=True)
class ShownRating:
    """One item of a judge's rating as the page shows it.

    Attributes:
        instrument: the instrument and the judge.
        item: the question that was rated.
        turn: the rated turn; 0: the whole session.
        score: the mean over repeats; None if missing.
    """

    instrument: str
    item: str
    turn: int
    score: float | None

    @property
    def words(self) -> str:
        """The score for reading."""
        if self.score is None:
            return "missing"
        return f"{self.score:.0f}" if self.score.is_integer() else f"{self.score:.1f}"

    @property
    def measure(self) -> str:
        """What sessions are sorted and filtered by."""
        return f"{self.instrument}: {self.item}" + (", mean over turns" if self.turn else "")


def ratings_by_session(ratings: pd.DataFrame) -> dict[str, list[ShownRating]]:
    """Averages the items of all judges over repeats, by session.

    Args:
        ratings: as `mirror.rating.ratings.read_ratings` returns them.
    """
    found: dict[str, list[ShownRating]] = {}
    keys = ["idx", "instrument", "judge", "item", "turn"]
    means = ratings.groupby(keys, dropna=False, sort=False)["score"].mean().reset_index()  # NaN without any score
    columns = (means[name].tolist() for name in (*keys, "score"))
    for idx, instrument, judge, item, turn, score in zip(*columns, strict=True):
        by = judge if is_evidence(judge) else f"{judge}: rehearsal, no evidence"
        number, mean = 0 if isnan(turn) else int(turn), None if isnan(score) else float(score)
        found.setdefault(idx, []).append(ShownRating(f"{instrument}, {by}", item.replace("_", " "), number, mean))
    return found


def scores_by_measure(ratings: Iterable[ShownRating]) -> dict[str, float]:
    """Returns one score per measure of one session, means over the turns that have one; a missing score is no entry."""
    found: dict[str, list[float]] = {}
    for rating in ratings:
        if rating.score is not None:
            found.setdefault(rating.measure, []).append(rating.score)
    return {measure: sum(scores) / len(scores) for measure, scores in found.items()}


def by_instrument(ratings: Iterable[ShownRating]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Groups the items and their scores in words by instrument and judge."""
    found: dict[str, list[tuple[str, str]]] = {}
    for rating in ratings:
        found.setdefault(rating.instrument, []).append((rating.item, rating.words))
    return list(found.items())
