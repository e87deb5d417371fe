"""The ratings of a run as the gallery shows them: means over repeats by session, one score per measure, comments."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from math import isnan
from pathlib import Path

import pandas as pd

from mirror.files.json_lines import read_lines
from mirror.paths import output_path
from mirror.rating.instrument import known_instruments
from mirror.rating.ratings import FILE, RatingRecord, is_evidence
from mirror.run_folder import read_provenance

REVERSED = " (reversed)"  # behind the name of an item whose score counts the other way round


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


@dataclass(frozen=True)
class ShownComment:
    """What a person wrote about a session while rating it.

    Attributes:
        by: the instrument and the person.
        turn: what it is about; 0: the whole session.
        words: the comment.
    """

    by: str
    turn: int
    words: str


def comments_by_session(folder: Path) -> dict[str, list[ShownComment]]:
    """Reads the comments of the people who rated a run, by session; of an answer that was given again, the last one.

    Raises:
        JsonLinesError: the file has an invalid line.
    """
    last = {(one.idx, one.instrument, one.turn, one.judge): one for one in _records(folder) if one.kind == "human"}
    found: dict[str, list[ShownComment]] = {}
    for one in last.values():
        if words := one.reason.strip():
            found.setdefault(one.idx, []).append(ShownComment(f"{one.instrument}, {one.judge}", one.turn or 0, words))
    return found


def reversed_items(folder: Path) -> frozenset[tuple[str, str]]:
    """The (instrument, item) of a run's ratings whose score counts the other way round.

    Of shipped instruments; of others, as the rating runs recorded them.
    """
    found = {(one.name, item.id) for one in known_instruments() for item in one.items if item.reversed}
    for run in sorted({one.run for one in _records(folder)}):
        recorded = read_provenance(output_path("results") / run)
        instruments = [*recorded.get("instruments", {}).values(), recorded.get("instrument") or {}]
        found |= {
            (str(one.get("name")), str(item.get("id")))
            for one in instruments
            for item in one.get("items", ())
            if item.get("reversed")
        }
    return frozenset(found)


def _records(folder: Path) -> Iterator[RatingRecord]:
    yield from read_lines(folder / FILE, RatingRecord)


def ratings_by_session(
    ratings: pd.DataFrame, turned: Collection[tuple[str, str]] = frozenset()
) -> dict[str, list[ShownRating]]:
    """Averages the items of all judges over repeats, by session.

    Args:
        ratings: as `mirror.rating.ratings.read_ratings` returns them.
        turned: the reversed items, which are marked; their scores are as they were given.
    """
    found: dict[str, list[ShownRating]] = {}
    keys = ["idx", "instrument", "judge", "item", "turn"]
    means = ratings.groupby(keys, dropna=False, sort=False)["score"].mean().reset_index()  # NaN without any score
    columns = (means[name].tolist() for name in (*keys, "score"))
    for idx, instrument, judge, item, turn, score in zip(*columns, strict=True):
        by = judge if is_evidence(judge) else f"{judge}: rehearsal, no evidence"
        number, mean = 0 if isnan(turn) else int(turn), None if isnan(score) else float(score)
        name = item.replace("_", " ") + REVERSED * ((instrument, item) in turned)
        found.setdefault(idx, []).append(ShownRating(f"{instrument}, {by}", name, number, mean))
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
