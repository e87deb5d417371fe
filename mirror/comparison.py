"""The arms of a study in numbers: each by itself, and against each other with all tests corrected together."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mirror.settings import AnalyseSettings
from mirror.statistics import adjust, compare_arms, estimate
from mirror.study import Measure, Study, Unit

INF = float("inf")
POSSIBLE = {  # the ends of what a measure of this unit can be; no interval goes beyond them
    "share": (0, 1),
    "points": (-1, 1),
    "cosine": (-1, 1),
    "words": (0, INF),
    "score": (-INF, INF),
    "number": (0, INF),
}


def by_arm(study: Study, measures: Sequence[Measure], settings: AnalyseSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every measure of every arm with its interval over clients, and the clients' own values.

    Returns:
        A row a measure and arm: measure (its label), key, unit, better, arm, variant, mean, low, high, n, missing.
        A row a client as well: measure, arm, value.
    """
    rows, points = [], []
    for measure in measures:
        scores = study.scores(measure)
        for arm in study.arms:
            found = estimate(scores[arm.name], settings.seed, settings.resamples, settings.level)
            what = {"measure": measure.label, "key": measure.key, "unit": measure.unit, "better": measure.better}
            rows.append(what | {"arm": arm.name, "variant": arm.variant} | found._asdict())
            points.append(pd.DataFrame({"measure": measure.label, "arm": arm.name, "value": scores[arm.name]}))
    table = pd.DataFrame(rows)
    lowest, highest = (table.unit.map(lambda unit, end=end: POSSIBLE[unit][end]) for end in (0, 1))
    table = table.assign(low=table.low.clip(lower=lowest), high=table.high.clip(upper=highest))
    return table, pd.concat(points, ignore_index=True)


def compare(study: Study, measures: Sequence[Measure], settings: AnalyseSettings) -> pd.DataFrame:
    """Every pair of arms in every measure on the clients that both have; empty with one arm.

    Returns:
        The columns of `compare_arms`, with
        measure, label, unit, better, variant: of the measure, and of the first arm.
        p_adjusted, is_significant: after Holm's correction over all rows.
        is_better: whether the first arm has the better mean.
        scaled, scaled_low, scaled_high: the difference in standard deviations of the clients' differences, positive
            where the first arm is better; NaN where all clients differ alike.
    """
    if len(study.arms) < 2:
        return pd.DataFrame()
    order = arm_order(study, settings.reference)
    table = pd.concat([_compare(study.scores(m)[order], m, settings) for m in measures], ignore_index=True)
    table["p_adjusted"] = adjust(table.p, "holm")
    table["is_significant"] = table.p_adjusted < 1 - settings.level
    table["variant"] = table.arm.map(study.looks.set_index("arm").variant)
    places = {name: place for place, name in enumerate(order)}
    return table.sort_values(["arm", "other"], kind="stable", key=lambda names: names.map(places), ignore_index=True)


def arm_order(study: Study, reference: str) -> list[str]:
    """The later arms before the earlier ones, which they are held against; the reference, a run's folder, last."""
    return [arm.name for arm in sorted(reversed(study.arms), key=lambda arm: arm.folder.name == reference)]


def _compare(scores: pd.DataFrame, measure: Measure, settings: AnalyseSettings) -> pd.DataFrame:
    rows = _clipped(compare_arms(scores, settings.seed, settings.resamples, settings.level), measure.unit)
    if settings.reference:
        rows = rows[rows.other == scores.columns[-1]]
    pairs = zip(rows.arm, rows.other, strict=True)
    deviation = pd.Series([(scores[arm] - scores[other]).std() for arm, other in pairs], rows.index, dtype=float)
    deviation = deviation.where(rows.low.notna(), np.nan)
    good = (-1 if measure.better == "lower" else 1) / deviation
    ends = rows[["low", "high"]].mul(good, axis=0)
    return rows.assign(
        measure=measure.key,
        label=measure.label,
        unit=measure.unit,
        better=measure.better,
        is_better=(rows.difference < 0) == (measure.better == "lower"),
        scaled=rows.difference * good,
        scaled_low=ends.min(axis=1),
        scaled_high=ends.max(axis=1),
    )


def _clipped(rows: pd.DataFrame, unit: Unit) -> pd.DataFrame:
    """The differences with intervals that end where a difference can be no larger."""
    lowest, highest = POSSIBLE[unit]
    reach = highest - lowest
    return rows.assign(low=rows.low.clip(lower=-reach), high=rows.high.clip(upper=reach))


def compare_halves(halves: dict[str, pd.DataFrame], unit: Unit, settings: AnalyseSettings) -> pd.DataFrame:
    """The second half of the sessions against the first in each arm, p corrected over arms; `run` is the arm's name."""
    found = [
        _clipped(
            compare_arms(table[["late", "early"]], settings.seed, settings.resamples, settings.level), unit
        ).assign(run=arm)
        for arm, table in halves.items()
    ]
    changes = pd.concat(found, ignore_index=True)
    return changes.assign(p_adjusted=adjust(changes.p, "holm"))
