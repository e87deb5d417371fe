"""The arms of a study in numbers: each by itself, and against each other with all tests corrected together."""

from collections.abc import Sequence

import pandas as pd

from mirror.analysis.measures import BOUNDS, Measure, Unit
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.study import Study
from mirror.statistics import adjust, compare_arms, estimate


def by_arm(study: Study, measures: Sequence[Measure], settings: AnalyseSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Every measure of every arm with its interval over clients, and the clients' own values.

    Returns:
        One row per measure and arm: measure (its label), key, unit, better, arm, variant, mean, low, high, n, missing.
        One row per client as well: measure, arm, value. Both are empty without measures.
    """
    columns = "measure key unit better arm variant mean low high n missing".split()
    rows, points = [], [pd.DataFrame(columns=["measure", "arm", "value"])] * (not measures)
    for measure in measures:
        scores = study.scores(measure)
        for arm in study.arms:
            found = estimate(scores[arm.name], settings.seed, settings.resamples, settings.level, measure.bounds)
            what = {"measure": measure.label, "key": measure.key, "unit": measure.unit, "better": measure.better}
            rows.append(what | {"arm": arm.name, "variant": arm.variant} | found._asdict())
            points.append(pd.DataFrame({"measure": measure.label, "arm": arm.name, "value": scores[arm.name]}))
    return pd.DataFrame(rows, columns=columns), pd.concat(points, ignore_index=True)


def compare(study: Study, measures: Sequence[Measure], settings: AnalyseSettings) -> pd.DataFrame:
    """Every pair of arms in every measure on the clients that both have; empty with one arm or without measures.

    Returns:
        The columns of `compare_arms`, with
        measure, label, unit, better, variant: of the measure, and of the first arm.
        p_adjusted, is_significant: after Holm's correction over all rows with at least two clients.
        is_better: whether the first arm has the better mean.
    """
    if len(study.arms) < 2 or not measures:
        return pd.DataFrame()
    order = arm_order(study, settings.reference)
    table = pd.concat([_compare(study.scores(m)[order], m, settings) for m in measures], ignore_index=True)
    table["p_adjusted"] = adjust(table.p.where(table.n > 1), "holm")  # one client tests nothing
    table["is_significant"] = table.p_adjusted < 1 - settings.level
    table["variant"] = table.arm.map(study.looks.set_index("arm").variant)
    places = {name: place for place, name in enumerate(order)}
    return table.sort_values(["arm", "other"], kind="stable", key=lambda names: names.map(places), ignore_index=True)


def arm_order(study: Study, reference: str) -> list[str]:
    """Later arms before the earlier ones that they are compared with; the reference, a run's folder, last."""
    return [arm.name for arm in sorted(reversed(study.arms), key=lambda arm: arm.folder.name == reference)]


def _compare(scores: pd.DataFrame, measure: Measure, settings: AnalyseSettings) -> pd.DataFrame:
    rows = compare_arms(scores, settings.seed, settings.resamples, settings.level, measure.bounds)
    if settings.reference:
        rows = rows[rows.other == scores.columns[-1]]
    return rows.assign(
        measure=measure.key,
        label=measure.label,
        unit=measure.unit,
        better=measure.better,
        is_better=(rows.difference < 0) == (measure.better == "lower"),
    )


def compare_halves(halves: dict[str, pd.DataFrame], unit: Unit, settings: AnalyseSettings) -> pd.DataFrame:
    """The second half of the sessions against the first in each arm, p corrected over arms; `run` is the arm's name."""
    how = settings.seed, settings.resamples, settings.level, BOUNDS[unit]
    found = [compare_arms(table[["late", "early"]], *how).assign(run=arm) for arm, table in halves.items()]
    changes = pd.concat(found, ignore_index=True)
    return changes.assign(p_adjusted=adjust(changes.p.where(changes.n > 1), "holm"))
