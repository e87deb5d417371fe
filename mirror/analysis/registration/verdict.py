"""What the data say of registered hypotheses. Everything that is not among them is exploratory."""

from collections import Counter
from collections.abc import Sequence
from math import isnan, nan
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, get_args

import pandas as pd

from mirror.analysis.claims import amount, counted, interval_text, joined, p_value
from mirror.analysis.comparison import read_rows
from mirror.analysis.finding import Finding
from mirror.analysis.measures import Measure, Unit
from mirror.analysis.registration.deviations import Rated, deviations, registered_when
from mirror.analysis.registration.plan import Hypothesis, Registration
from mirror.analysis.registration.power import COLUMNS, formatted, power_table
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.tables import literal, markdown
from mirror.paths import display_path
from mirror.statistics import adjust, compare_arms, compare_differences
from mirror.statistics.paired import POWER

NAME = "registration"
NOT_REGISTERED = (
    "No study was registered, so every comparison is exploratory: it was chosen when the data were there. Before the "
    "next study, write its hypotheses into a file of params/study/ and name it in the parameter registration."
)
AFTERWARDS = (
    "Everything else in this analysis was found afterwards and is exploratory: all other comparisons, all "
    "interactions, changes within sessions, and every figure."
)
EXPLORATORY = "These comparisons are exploratory; the tests of the registered hypotheses are in the claim on them."
Verdict = Literal["supported", "not supported", "contradicted", "not tested"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class HypothesisRow(NamedTuple):
    """One hypothesis, as `hypothesis_tests` returns it.

    Attributes:
        hypothesis, says, outcome, compared, expected: as registered.
        unit: of the outcome.
        n: clients with a value in all its arms.
        difference, low, high, effect: as `mirror.statistics` returns them, NaN if it could not be tested.
        p_adjusted: after Holm's correction over all registered hypotheses; those that were not tested count as p = 1.
        power: of the registered effect with these n clients, at the strictest level of the correction.
        verdict: supported if significant in the expected direction, contradicted if in the other one.
        why: why it was not tested; else empty.
    """

    hypothesis: str
    says: str
    outcome: str
    compared: str
    expected: str
    unit: Unit
    n: int
    difference: float
    low: float
    high: float
    effect: float
    p_adjusted: float
    power: float
    verdict: Verdict
    why: str


class Tested(Rated, Protocol):
    """What tests need of a `mirror.analysis.study.Study`."""

    @property
    def outcomes(self) -> list[Measure]:
        """The outcomes with a value."""


def hypothesis_tests(study: Tested, plan: Registration, settings: AnalyseSettings) -> pd.DataFrame:
    """Tests all registered hypotheses, in their order.

    Returns:
        A table of `HypothesisRow`.
    """
    table = pd.DataFrame([_tested(study, one, plan, settings) for one in plan.hypotheses])
    corrected = adjust(table["p"].fillna(1.0), "holm")  # what was registered and not tested is not left out
    table["p_adjusted"] = pd.Series(corrected, table.index).where(table["why"] == "")
    verdicts: list[Verdict] = [
        _verdict(p, why, difference, expected, plan.level)
        for p, why, difference, expected in zip(
            table["p_adjusted"], table["why"], table["difference"], table["expected"], strict=True
        )
    ]
    return table.assign(verdict=verdicts).reindex(columns=list(HypothesisRow._fields))


def _verdict(p: float, why: str, difference: float, expected: str, level: float) -> Verdict:
    if why:
        return "not tested"
    if not p < 1 - level:
        return "not supported"
    return "supported" if (difference > 0) == (expected == "higher") else "contradicted"


def _tested(study: Tested, one: Hypothesis, plan: Registration, settings: AnalyseSettings) -> dict[str, object]:
    names = {arm.folder.name: arm.name for arm in study.arms}
    measure = next((measure for measure in study.outcomes if measure.key == one.outcome), None)
    row: dict[str, object] = {"hypothesis": one.id, "says": one.says, "outcome": one.outcome, "compared": one.contrast}
    row |= {"expected": one.expected, "unit": measure.unit if measure else "number", "n": 0, "why": "", "power": nan}
    row |= dict.fromkeys(("difference", "low", "high", "effect", "p"), nan)
    if lacking := [arm for arm in dict.fromkeys(one.arms) if arm not in names]:
        return row | {"why": f"no arm {joined(lacking)}"}
    if measure is None:
        by = f" by {one.rater}" if one.rater else ""
        return row | {"why": f"the outcome was not rated{by}" if by else "the outcome has no value"}
    how = settings.seed, settings.resamples, plan.level, measure.bounds
    scores, cells = study.scores(measure), [names[arm] for arm in one.arms]
    if one.minus:
        a, b, c, d = cells
        found = compare_differences(scores, (a, b, c, d), *how)
    else:
        found = {str(name): value for name, value in compare_arms(scores[cells], *how).iloc[0].items()}
    row |= {name: value for name, value in found.items() if name in row}
    if not found["n"] > 1:
        return row | {"p": nan, "why": f"only {counted(int(found['n']), 'client')} with a value in all its arms"}
    power = power_table(plan, int(found["n"])).set_index("hypothesis")["corrected"]
    return row | {"power": float(power[one.id])}


def registration_finding(study: Tested, plan: Registration | None, path: Path, settings: AnalyseSettings) -> Finding:
    """States what was registered, what the data say of it, how the study deviates, and what is exploratory.

    Args:
        study: the arms.
        plan: the registered study; None if none was registered.
        path: of its file.
        settings: of the analysis; the hypotheses are tested at the registered level.
    """
    if plan is None:
        return Finding(NAME, NOT_REGISTERED)
    table = hypothesis_tests(study, plan, settings)
    rows = read_rows(table, HypothesisRow)
    faults = deviations(study, plan, path, settings)
    parts = [
        f"**{summary(rows)}** {literal(plan.title)}: `{display_path(path)}`, {registered_when(path)}.",
        "\n".join(f"- {sentence(row, plan.level)}" for row in rows),
        f"Deviations from the registration:\n\n{listed(faults)}" if faults else "No deviations from it.",
        f"Power as registered, with {plan.clients} clients: {COLUMNS.format(power=POWER)}",
        markdown(formatted(power_table(plan))),
        AFTERWARDS,
    ]
    return Finding(NAME, "\n\n".join(parts), table=table)


def listed(faults: Sequence[str]) -> str:
    """Formats sentences as a Markdown list, all text escaped."""
    return "\n".join(f"- {literal(fault)}" for fault in faults)


def summary(rows: Sequence[HypothesisRow]) -> str:
    """States the verdicts: `Of 3 registered hypotheses 2 are supported (H1, H3) and 1 is not tested (H2).`."""
    counts = Counter(row.verdict for row in rows)
    found = [
        f"{count} {'is' if count == 1 else 'are'} {verdict} "
        f"({', '.join(row.hypothesis for row in rows if row.verdict == verdict)})"
        for verdict in VERDICTS
        if (count := counts[verdict])
    ]
    total = len(rows)
    return f"Of {total} registered {'hypothesis' if total == 1 else 'hypotheses'} {joined(found)}."


def sentence(row: HypothesisRow, level: float) -> str:
    """States one hypothesis with its verdict and numbers."""
    begin = f"**{row.hypothesis}, {row.verdict}**: {literal(row.says)}"
    if row.verdict == "not tested":
        return f"{begin} {literal(row.why[0].upper() + row.why[1:])}."
    difference = amount(row.difference, row.unit, signed=True) if not isnan(row.difference) else "no value"
    numbers = (
        f"`{row.outcome}`, {literal(row.compared)} = {difference} (expected {row.expected}; "
        f"{interval_text(row.low, row.high, row.unit, level)}, {p_value(row.p_adjusted)}, n = {row.n})"
    )
    power = f"; power {row.power:.0%} for the registered effect" if row.verdict == "not supported" else ""
    return f"{begin} {numbers}{power}."
