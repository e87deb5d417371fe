"""The table of a comparison: one row per painter, with intervals over clients and paired differences to the reference.

Acceptance is of searches; scores and controls are of first attempts, which no filter has selected.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from mirror.painting.attempts import AttemptRecord, Examination, Place
from mirror.statistics import Bounds, Estimate, compare_arms, estimate, proportion

SHARE: Bounds = (0.0, 1.0)
COSINE: Bounds = (-1.0, 1.0)
Search = Sequence[AttemptRecord]


class Measure(NamedTuple):
    """What is read of one search: its attempts at one face.

    Attributes:
        name: the column.
        bounds: the lowest and the highest possible value.
        value: of a search; None where there is none.
    """

    name: str
    bounds: Bounds
    value: Callable[[Search], float | None]


def _is_stranger_accepted(examined: Examination, score: float | None) -> float:
    return float(score is not None and score >= examined.identity_threshold)


def _of_first(read: Callable[[Examination], float | None]) -> Callable[[Search], float | None]:
    """Reads the examination of the first attempt."""
    return lambda search: read(search[0].examined) if search[0].examined else None


MEASURES = (
    Measure("at_once", SHARE, lambda search: float(search[0].verdict.accepted)),
    Measure("accepted", SHARE, lambda search: float(search[-1].verdict.accepted)),
    Measure("identity", COSINE, _of_first(lambda one: one.identity)),
    Measure("relevance", COSINE, _of_first(lambda one: one.relevance)),
    Measure("safety", SHARE, _of_first(lambda one: one.safety)),
    Measure("swapped", SHARE, _of_first(lambda one: _is_stranger_accepted(one, one.swapped))),
    Measure("without_person", SHARE, _of_first(lambda one: _is_stranger_accepted(one, one.without_person))),
)


DISTANCE = Measure("distance", (0.0, 255.0), lambda search: None)


def compare(
    searches: Mapping[Place, Search],
    evaluations: Mapping[str, int],
    distance: Mapping[Place, float],
    seed: int,
    level: float = 0.95,
) -> pd.DataFrame:
    """Compares painters on the same clients and expressions.

    Args:
        searches: the attempts at each face, by painter, client and expression.
        evaluations: of the denoising network per face, by painter; the first one is the reference.
        distance: of each first attempt from the reference's; see `mirror.painting.report.distance`.
        seed: of the resamples.
        level: of the intervals.

    Returns:
        One row per painter:
        painter; clients, faces: their numbers;
        for each of `MEASURES`: its mean, `_low` and `_high` (the interval over clients), and `_difference` to the
            reference with `_difference_low` and `_difference_high` (paired over clients). NaN where it is not defined,
            such as the interval of equal values; a share that is the same for all clients has Wilson's interval over
            its faces instead.
        distance, distance_low, distance_high: the mean distance from the reference's pictures, in gray levels.
        seconds_per_painted_face: of painting and filters.
        attempts_per_accepted_face, accepted_per_second: rejected attempts count; speedup: the latter as a multiple of
            the reference's.
        evaluations: as given.
    """
    values = {measure.name: _values(searches, measure) for measure in MEASURES}
    distances = _series(distance)
    reference, rows = next(iter(evaluations)), []
    for painter in evaluations:
        own = {key: search for key, search in searches.items() if key[0] == painter}
        row: dict[str, object] = {"painter": painter, "clients": len({key[1] for key in own}), "faces": len(own)}
        for measure in MEASURES:
            table = values[measure.name]
            row |= _estimated(table[painter], measure, seed, level)
            row |= _difference(table, painter, reference, measure, seed, level)
        row |= _estimated(distances[painter], DISTANCE, seed, level)
        rows.append(row | _speed(list(own.values())) | {"evaluations": evaluations[painter]})
    found = pd.DataFrame(rows)
    found.insert(len(found.columns) - 1, "speedup", found["accepted_per_second"] / found["accepted_per_second"].iloc[0])
    return found


def _values(searches: Mapping[Place, Search], measure: Measure) -> pd.Series:
    """The measure of every search; NaN where there is none."""
    read = {place: measure.value(search) for place, search in searches.items()}
    return _series({place: np.nan if value is None else value for place, value in read.items()})


def _series(values: Mapping[Place, float]) -> pd.Series:
    """Values by painter, client and expression."""
    names = pd.MultiIndex.from_tuples(values, names=["painter", "client", "expression"])
    return pd.Series(list(values.values()), names, dtype=float)


def _by_client(values: pd.Series) -> pd.Series:
    return values.groupby("client", sort=False).mean()


def _estimated(values: pd.Series, measure: Measure, seed: int, level: float) -> dict[str, object]:
    """The mean over clients of one painter, with its interval."""
    found: Estimate = estimate(_by_client(values).to_numpy(), seed, level=level, bounds=measure.bounds)
    if measure.bounds == SHARE and np.isnan(found.low) and set(values) <= {0.0, 1.0}:
        found = proportion(int(values.sum()), len(values), level=level)
    return {measure.name: found.mean, f"{measure.name}_low": found.low, f"{measure.name}_high": found.high}


def _difference(
    values: pd.Series, painter: str, reference: str, measure: Measure, seed: int, level: float
) -> dict[str, object]:
    """The paired difference of a painter from the reference; 0 without an interval for the reference itself."""
    name = f"{measure.name}_difference"
    if painter == reference:
        return {name: 0.0, f"{name}_low": np.nan, f"{name}_high": np.nan}
    scores = pd.DataFrame({"painter": _by_client(values[painter]), "reference": _by_client(values[reference])})
    found = compare_arms(scores, seed, level=level, bounds=measure.bounds).iloc[0]
    return {name: found["difference"], f"{name}_low": found["low"], f"{name}_high": found["high"]}


def _speed(searches: Sequence[Search]) -> dict[str, object]:
    attempts = [record for search in searches for record in search]
    seconds, accepted = sum(one.seconds for one in attempts), sum(one.verdict.accepted for one in attempts)
    return {
        "seconds_per_painted_face": seconds / len(attempts),
        "attempts_per_accepted_face": len(attempts) / accepted if accepted else np.inf,
        "accepted_per_second": accepted / seconds if seconds else np.nan,
    }
