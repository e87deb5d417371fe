"""Interactions of two factors: differences of paired differences over the same clients, corrected together."""

from collections.abc import Sequence
from math import inf, isnan
from typing import NamedTuple

import pandas as pd

from mirror.analysis.claims import amount, counted, have, interval_text, joined, p_value
from mirror.analysis.comparison import Scored, corrected_p, read_rows
from mirror.analysis.factors.design import Design, designs, same_levels
from mirror.analysis.finding import Finding
from mirror.analysis.measures import ARROWS, Better, Measure, Unit
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.tables import markdown
from mirror.statistics import compare_differences

NAME = "interactions"
NONE_CROSSED = (
    "No two factors are crossed: an interaction needs four arms, two levels of one of model, cot and face, each with "
    "two levels of another."
)
COLUMNS = (
    "*difference* is how much larger the first difference is than the second, over the same clients, *points* are "
    "percentage points, *p* is corrected for all interactions (Holm)."
)


class InteractionRow(NamedTuple):
    """One outcome of one 2 × 2 design, as `interactions` returns it.

    Attributes:
        measure, label, unit, better: of the measure; `measure` is its key.
        factor, level, other_level, by, by_level, by_other, within: of the design (`mirror.analysis.factors.design`).
        n, missing: clients with a value in all four arms, and the others.
        first, second: the mean difference `by_level` - `by_other` with `level`, and with `other_level`.
        difference, low, high, effect, detectable: of first - second (`mirror.statistics.compare_differences`).
        p_adjusted: after Holm's correction over all interactions; NaN with fewer than two clients.
        least_p: the least that `p_adjusted` could be with these numbers of clients.
        is_significant: whether `p_adjusted` is below 1 - level.
    """

    measure: str
    label: str
    unit: Unit
    better: Better
    factor: str
    level: str
    other_level: str
    by: str
    by_level: str
    by_other: str
    within: str
    n: int
    missing: int
    first: float
    second: float
    difference: float
    low: float
    high: float
    effect: float
    detectable: float
    p_adjusted: float
    least_p: float
    is_significant: bool


def interactions(study: Scored, measures: Sequence[Measure], settings: AnalyseSettings) -> pd.DataFrame:
    """Estimates the interaction of every 2 × 2 design in every measure; empty without a design or a measure.

    Returns:
        A table of `InteractionRow`.
    """
    found = [
        _row(study, measure, design, settings)
        for design in designs(study.arms, settings.reference)
        for measure in measures
    ]
    if not found:
        return pd.DataFrame()
    table = pd.DataFrame(found)
    table["p_adjusted"], table["least_p"] = corrected_p(table, "p"), corrected_p(table, "least_p")
    table["detectable"] = table["detectable"].mask(table["least_p"] >= 1 - settings.level, inf)
    table["is_significant"] = table["p_adjusted"] < 1 - settings.level
    return table.reindex(columns=list(InteractionRow._fields))


def _row(study: Scored, measure: Measure, design: Design, settings: AnalyseSettings) -> dict[str, object]:
    how = settings.seed, settings.resamples, settings.level, measure.bounds
    names = ("first", "second", "difference", "low", "high", "p", "least_p", "effect", "detectable")
    nothing = dict.fromkeys(names, float("nan"))
    found = compare_differences(study.scores(measure), design.cells, *how)
    of = {"measure": measure.key, "label": measure.label, "unit": measure.unit, "better": measure.better}
    return of | {name: value for name, value in design._asdict().items() if name != "cells"} | nothing | found


def interaction_finding(study: Scored, measures: Sequence[Measure], settings: AnalyseSettings) -> Finding:
    """States whether the difference between two levels of a factor depends on another factor."""
    table = interactions(study, measures, settings)
    notes = [
        f"{joined(names)} have the same model, cot and face, so they are in no interaction."
        for names in same_levels(study.arms)
    ]
    if table.empty:
        return Finding(NAME, "\n\n".join([NONE_CROSSED, *notes]))
    rows = read_rows(table, InteractionRow)
    significant = [row for row in rows if row.is_significant]
    tested = sum(row.n > 1 for row in rows)
    verdict = (
        f"{len(significant)} of {counted(tested, 'interaction')} {'is' if len(significant) == 1 else 'are'} significant"
    )
    if tested and all(row.least_p >= 1 - settings.level for row in rows if row.n > 1):
        verdict += "; with so few clients and so many interactions none could be"
    parts = [f"**{verdict}.**", "\n".join(f"- {sentence(row, settings.level)}" for row in significant)]
    shown = [row for row in rows if row.n > 0]
    parts += [COLUMNS, markdown(interactions_table(shown))] if shown else []
    return Finding(NAME, "\n\n".join(filter(None, [*parts, *notes])), table=table)


def sentence(row: InteractionRow, level: float) -> str:
    """States one interaction: both differences, their difference, its interval and p."""
    label = row.label[0].upper() + row.label[1:]
    effect = f"the effect of {row.by} ({row.by_level} instead of {row.by_other})"
    if row.n < 2 or isnan(row.difference):
        return f"{label}: {effect} cannot be compared between {row.factor}s; {have(row.n)} a value in all four arms."
    difference = amount(row.difference, row.unit, signed=True)
    return (
        f"{label}: {effect} is {amount(row.first, row.unit, signed=True)} with {row.factor} {row.level} and "
        f"{amount(row.second, row.unit, signed=True)} with {row.other_level} (difference {difference}, "
        f"{interval_text(row.low, row.high, row.unit, level)}, {p_value(row.p_adjusted)}, n = {row.n})."
    )


def interactions_table(rows: Sequence[InteractionRow]) -> pd.DataFrame:
    """Formats interactions for reading."""
    return pd.DataFrame([_formatted(row) for row in rows])


def _formatted(row: InteractionRow) -> dict[str, str | int]:
    low, high = (amount(end, row.unit, signed=True).removesuffix(" points") for end in (row.low, row.high))
    return {
        "outcome": row.label + ARROWS[row.better],
        "effect": f"{row.by}: {row.by_level} − {row.by_other}",
        "by": f"{row.factor}: {row.level}, {row.other_level}",
        "n": row.n,
        "differences": f"{amount(row.first, row.unit, signed=True)}, {amount(row.second, row.unit, signed=True)}",
        "difference": amount(row.difference, row.unit, signed=True),
        "interval": "–" if isnan(row.low) else f"{low} to {high}",
        "p (Holm)": "–" if isnan(row.p_adjusted) else p_value(row.p_adjusted).removeprefix("p ").removeprefix("= "),
        "effect size": "–" if isnan(row.effect) else amount(row.effect, "number", signed=True),
    }
