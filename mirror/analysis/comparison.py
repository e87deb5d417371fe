"""Estimates of every arm, and comparisons of every pair of arms with all tests corrected together.

Tables are built from and read back as rows of a declared type: `ArmRow`, `ComparisonRow`, `ChangeRow`.
"""

from collections.abc import Mapping, Sequence
from math import inf, nan
from typing import NamedTuple, Protocol, TypeVar

import pandas as pd

from mirror.analysis.measures import BOUNDS, Better, Measure, Unit
from mirror.analysis.settings import AnalyseSettings
from mirror.statistics import adjust, clients_for_significance, compare_arms, estimate
from mirror.transcripts.arm import Arm

Row = TypeVar("Row", bound=NamedTuple)


class Scored(Protocol):
    """Arms whose clients have scores: what a comparison needs of a `mirror.analysis.study.Study`."""

    @property
    def arms(self) -> Sequence[Arm]:
        """The arms, in order."""

    def scores(self, measure: Measure) -> pd.DataFrame:
        """One row per client (index idx), one column per arm, NaN where a score is missing."""


class ArmRow(NamedTuple):
    """One measure of one arm, as `by_arm` returns it.

    Attributes:
        measure: the label of the measure.
        key, unit, better: of the measure (`mirror.analysis.measures.Measure`).
        arm, variant: the arm's name and the variant that its color shows.
        mean, low, high: over clients, with the ends of the interval; NaN where they cannot be estimated, and for values
            that are no sample of clients.
        n, missing: clients with and without a value.
    """

    measure: str
    key: str
    unit: Unit
    better: Better
    arm: str
    variant: str
    mean: float
    low: float
    high: float
    n: int
    missing: int


class ComparisonRow(NamedTuple):
    """One outcome of one pair of arms, as `compare` returns it.

    Attributes:
        measure, label, unit, better: of the measure; `measure` is its key.
        arm, other, variant: the two arms, and the variant of the first.
        n, missing, mean, other_mean, difference, low, high, effect, effect_low, effect_high, detectable: as
            `mirror.statistics.compare_arms` returns them.
        p_adjusted: after Holm's correction over all rows with at least two clients; NaN for the others.
        least_p: the least that `p_adjusted` could be with these numbers of clients; where it is not below 1 - level,
            `detectable` is infinite.
        needed: the least n with which one of all rows could be significant; infinite if `resamples` are too few.
        is_significant: whether `p_adjusted` is below 1 - level.
        is_better: whether the first arm has the better mean.
    """

    measure: str
    label: str
    unit: Unit
    better: Better
    arm: str
    other: str
    variant: str
    n: int
    missing: int
    mean: float
    other_mean: float
    difference: float
    low: float
    high: float
    p_adjusted: float
    least_p: float
    needed: float
    effect: float
    effect_low: float
    effect_high: float
    detectable: float
    is_significant: bool
    is_better: bool


class ChangeRow(NamedTuple):
    """The change of one arm from the first to the second half of its sessions, as `compare_halves` returns it.

    Attributes:
        arm: the arm's name.
        n: clients with a value in both halves.
        difference, low, high: second half - first half, with its interval.
        p_adjusted: after Holm's correction over arms; NaN with fewer than two clients.
        least_p: the least that `p_adjusted` could be with these numbers of clients.
    """

    arm: str
    n: int
    difference: float
    low: float
    high: float
    p_adjusted: float
    least_p: float


def read_rows(table: pd.DataFrame, kind: type[Row]) -> list[Row]:
    """Returns the rows of a table as values of `kind`, which names the columns; other columns are ignored."""
    if not len(table):
        return []
    columns = [table[name].tolist() for name in kind._fields]
    return [kind._make(values) for values in zip(*columns, strict=True)]


def by_arm(study: Scored, measures: Sequence[Measure], settings: AnalyseSettings) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Estimates every measure of every arm with its interval over clients.

    Returns:
        A table of `ArmRow`, and the values of the clients: measure (its label), arm, value; one row per client,
        measure and arm. Both are empty without measures.
    """
    rows, points = [], [pd.DataFrame(columns=["measure", "arm", "value"])] * (not measures)
    for measure in measures:
        scores = study.scores(measure)
        for arm in study.arms:
            found = estimate(scores[arm.name], settings.seed, settings.resamples, settings.level, measure.bounds)
            if not measure.is_sample:
                found = found._replace(low=nan, high=nan)
            row = ArmRow(measure.label, measure.key, measure.unit, measure.better, arm.name, arm.variant, *found)
            rows.append(row)
            points.append(pd.DataFrame({"measure": measure.label, "arm": arm.name, "value": scores[arm.name]}))
    return pd.DataFrame(rows, columns=list(ArmRow._fields)), pd.concat(points, ignore_index=True)


def arm_means(table: pd.DataFrame, key: str) -> dict[str, float]:
    """Returns the mean of a measure by arm, from a table of `ArmRow`."""
    of_measure = table.loc[table["key"] == key]
    return dict(zip(of_measure["arm"], of_measure["mean"], strict=True))


def compare(study: Scored, measures: Sequence[Measure], settings: AnalyseSettings) -> pd.DataFrame:
    """Compares every pair of arms in every measure on the clients that both have.

    Returns:
        The columns of `mirror.statistics.compare_arms` with those of `ComparisonRow`; empty with one arm or without
        measures.
    """
    if len(study.arms) < 2 or not measures:
        return pd.DataFrame()
    order = arm_order(study.arms, settings.reference)
    table = pd.concat([_compare(study.scores(m)[order], m, settings) for m in measures], ignore_index=True)
    table["p_adjusted"], table["least_p"] = corrected_p(table, "p"), corrected_p(table, "least_p")
    is_impossible = (table["least_p"] >= 1 - settings.level) & table["detectable"].notna()
    table["detectable"] = table["detectable"].mask(is_impossible, inf)
    needed = clients_for_significance(int((table["n"] > 1).sum()), settings.resamples, settings.level)
    table["needed"] = inf if needed is None else float(needed)
    table["is_significant"] = table["p_adjusted"] < 1 - settings.level
    table["variant"] = table["arm"].map({arm.name: arm.variant for arm in study.arms})
    places = {name: place for place, name in enumerate(order)}
    return table.sort_values(["arm", "other"], kind="stable", key=lambda names: names.map(places), ignore_index=True)


def arm_order(arms: Sequence[Arm], reference: str) -> list[str]:
    """Names later arms before the earlier ones that they are compared with; the reference, a run's folder, is last."""
    return [arm.name for arm in sorted(reversed(arms), key=lambda arm: arm.folder.name == reference)]


def _compare(scores: pd.DataFrame, measure: Measure, settings: AnalyseSettings) -> pd.DataFrame:
    rows = compare_arms(scores, settings.seed, settings.resamples, settings.level, measure.bounds)
    if settings.reference:
        rows = rows.loc[rows["other"] == scores.columns[-1]]
    return rows.assign(
        measure=measure.key,
        label=measure.label,
        unit=measure.unit,
        better=measure.better,
        is_better=(rows["difference"] < 0) == (measure.better == "lower"),
    )


def compare_halves(halves: Mapping[str, pd.DataFrame], unit: Unit, settings: AnalyseSettings) -> list[ChangeRow]:
    """Compares the second half of the sessions with the first within each arm, p corrected over arms (Holm).

    Args:
        halves: by arm, as `mirror.analysis.metrics.halves` returns them.
    """
    how = settings.seed, settings.resamples, settings.level, BOUNDS[unit]
    found = [compare_arms(table[["late", "early"]], *how).assign(arm=arm) for arm, table in halves.items()]
    changes = pd.concat(found, ignore_index=True)
    corrected = {"p_adjusted": corrected_p(changes, "p"), "least_p": corrected_p(changes, "least_p")}
    return read_rows(changes.assign(**corrected), ChangeRow)


def corrected_p(table: pd.DataFrame, name: str) -> "pd.Series[float]":
    """Corrects a column `p` or `least_p` over all rows together (Holm); rows with fewer than two clients test nothing.

    Holm's correction never falls as one of its p rises, so that of the least p is the least that a study can have.
    """
    return pd.Series(adjust(table[name].where(table["n"] > 1), "holm"), table.index)
