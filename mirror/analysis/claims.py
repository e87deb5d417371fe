"""Sentences generated from the numbers of a table, also where no statement is possible."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import isinf, isnan

import pandas as pd

from mirror.analysis.comparison import ChangeRow, ComparisonRow
from mirror.analysis.measures import Unit

COLUMNS = (
    "All comparisons, each on the clients with a complete session in both arms. *means* are over these n clients, "
    "*points* are percentage points, *p* is corrected for all comparisons (Holm), *effect* is Hedges' g of the paired "
    "differences, and *detectable* is the difference that n clients detect at 80% power in a single test (*none*: no "
    "possible one, also where n clients cannot give a significant p after the correction). Arrows show the good "
    "direction."
)
NO_CAPTIONS = "No caption can be compared with a cue: no arm captions the face in words that the lexicon knows."
TIMES = (
    "Seconds have a mean and no interval: sessions that run together wait for each other, so their times are no sample "
    "of clients."
)
NONE_COMPLETE = "No session is complete, so nothing can be said: run counsel.ipynb again to complete the sessions."
REHEARSAL = (
    "Ratings by `rules`: rehearsal, no evidence. This offline judge counts words by fixed rules; its ratings are in no "
    "claim and in no comparison."
)
SCRIPTED = (
    "The clients of {arms} are scripted: they react to replies by the same rules that score the replies here. Outcomes "
    "show how well a counselor meets these rules, not whether it helps a person."
)


def amount(value: float, unit: Unit, signed: bool = False) -> str:
    """Formats a value in its unit: `62%`, `0.712`, `13.40`; a difference of shares in percentage points.

    Args:
        signed: whether the value is a difference, printed with its sign.
    """
    if isnan(value):
        return "no value"
    if unit in ("share", "points"):
        return f"{_rounded(100 * value, 0, signed)} points" if signed or unit == "points" else f"{100 * value:.0f}%"
    if unit == "cosine":
        return _rounded(value, 3, signed)
    return _rounded(value, 0 if abs(value) >= 100 else 2, signed)


def _rounded(value: float, digits: int, signed: bool) -> str:
    """`+0.30`, `16,260`; a value that rounds to 0 has no sign."""
    is_zero = round(value, digits) == 0
    return f"{abs(value) if is_zero else value:{'+' if signed and not is_zero else ''},.{digits}f}".replace("-", "−")


def spread(values: Mapping[str, float], unit: Unit) -> str:
    """Lists the values by arm, or one value if all are the same: `62% in base, 71% in ec`."""
    amounts = {arm: amount(value, unit) for arm, value in values.items()}
    if len(amounts) > 1 and len(set(amounts.values())) == 1:
        return f"{next(iter(amounts.values()))} in every arm"
    return ", ".join(f"{value} in {arm}" for arm, value in amounts.items())


def share_word(values: Iterable[float]) -> str:
    """Returns `All`, `Most`, `Some` or `No` if the word is true of every arm, else the empty text."""
    words = {_share_word(value) for value in values if not isnan(value)}
    return words.pop() if len(words) == 1 else ""


def _share_word(value: float) -> str:
    if value >= 0.995:
        return "All"
    return "Most" if value > 0.5 else "Some" if value >= 0.005 else "No"


def p_value(p: float) -> str:
    """Formats a p value: `p < 0.001`, `p = 0.031`, `p = 0.46`."""
    return "p unknown" if isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def percent(share: float) -> str:
    """Formats a share: `95%`, `97.5%`."""
    return f"{100 * share:.3g}%"


def joined(names: Iterable[str]) -> str:
    """Joins names: `a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def counted(number: int, noun: str) -> str:
    """Counts a noun: `1 client`, `12 clients`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def n_by_arm(n: Mapping[str, tuple[int, int]]) -> str:
    """Formats the numbers of clients by arm: `n = 12`, `n = 12 (base), 9 to 11 (planning)`.

    Args:
        n: the lowest and the highest number of each arm.
    """
    ranges = {arm: counts(ends) for arm, ends in n.items()}
    if len(set(ranges.values())) == 1:
        return f"n = {next(iter(ranges.values()))}"
    return "n = " + ", ".join(f"{count} ({arm})" for arm, count in ranges.items())


def counts(n: Iterable[int]) -> str:
    """Formats the range of some counts: `12`, or `9 to 11`."""
    found = set(n)
    return f"{min(found)}" if len(found) == 1 else f"{min(found)} to {max(found)}"


def compared(complete: Mapping[str, int], shared: int, several: bool = False) -> str:
    """States what a study compares, in Markdown.

    Args:
        complete: the number of clients whose sessions are complete, by arm.
        shared: the number of clients of whom that is true in every arm.
        several: whether clients had several sessions.
    """
    n = n_by_arm({arm: (count, count) for arm, count in complete.items()})
    if not any(complete.values()):
        return f"**{NONE_COMPLETE}**"
    if len(complete) == 1:
        return f"**One arm is described: {joined(complete)} ({n}). There is no other arm to compare it with.**"
    arms = f"**{len(complete)} arms are compared: {joined(complete)}.**"
    if several:
        return f"{arms} Clients with all their sessions complete: {n}; {have(shared)} them in every arm."
    return f"{arms} Complete sessions: {n}; {have(shared)} one in every arm."


# Two arms -------------------------------------------------------------------------------------------------------------


def comparison(row: ComparisonRow, level: float) -> str:
    """States one comparison of two arms: the means, the difference, its interval and p."""
    label = row.label[0].upper() + row.label[1:]
    if row.n < 2 or isnan(row.difference):
        return f"{label}: {row.arm} and {row.other} cannot be compared; {have(row.n)} a value in both arms."
    result = (
        f"{amount(row.mean, row.unit)} in {row.arm} and {amount(row.other_mean, row.unit)} in {row.other} "
        f"(difference {amount(row.difference, row.unit, signed=True)}, {interval(row, row.unit, level)}, "
        f"{p_value(row.p_adjusted)}, n = {row.n})"
    )
    if row.p_adjusted < 1 - level:
        return f"{label}: {result}."
    return f"{label}: no significant difference; {result}{_detectable(row)}."


def have(n: int) -> str:
    """Begins a sentence on how many clients have something: `only 1 client has`."""
    return "no client has" if n == 0 else "only 1 client has" if n == 1 else f"{n:,} clients have"


def interval(row: ComparisonRow | ChangeRow, unit: Unit, level: float) -> str:
    """Formats the interval of a difference in its unit: `95% CI +12 to +30`."""
    return interval_text(row.low, row.high, unit, level)


def interval_text(lowest: float, highest: float, unit: Unit, level: float) -> str:
    """Formats the interval of a difference from its ends; NaN if no client differs from another."""
    if isnan(lowest):
        return "the same for every client, so without an interval"
    low, high = (amount(end, unit, signed=True).removesuffix(" points") for end in (lowest, highest))
    return f"{percent(level)} CI {low} to {high}"


def _detectable(row: ComparisonRow) -> str:
    if isnan(row.detectable):
        return ""
    if isinf(row.detectable):
        return f"; with {row.n} clients no possible difference is detectable at 80% power"
    size = amount(row.detectable, row.unit, signed=True).removeprefix("+")
    return f"; with {row.n} clients a difference of {size} is detectable at 80% power"


def verdict(rows: Sequence[ComparisonRow], level: float) -> str:
    """States which arm is better, one sentence per pair; the rows of a pair follow each other."""
    pairs = groupby(rows, key=lambda row: (row.arm, row.other))
    total = sum(row.n > 1 for row in rows)
    return " ".join(_pair_verdict(arm, other, list(of_pair), level, total) for (arm, other), of_pair in pairs)


def _pair_verdict(arm: str, other: str, rows: Sequence[ComparisonRow], level: float, total: int) -> str:
    tested = [row for row in rows if row.n > 1]
    if not tested:
        most = max(row.n for row in rows)
        return f"{arm} and {other} cannot be compared: {have(most)} a complete session in both."
    if all(row.least_p >= 1 - level for row in tested):
        return _impossible(arm, other, tested, total)
    significant = [row for row in tested if row.p_adjusted < 1 - level]
    better = [row.label for row in significant if row.is_better]
    worse = [row.label for row in significant if not row.is_better]
    n_tested = [row.n for row in tested]
    n = f"n = {counts(n_tested)}"
    if not significant:
        of = "the only outcome" if len(tested) == 1 else f"any of {len(tested)} outcomes"
        return f"No significant difference between {arm} and {other} in {of} ({n})."
    of = f"{counted(len(tested), 'outcome')} ({n})"
    if not worse:
        return f"{arm} is better than {other} on {len(better)} of {of}: {joined(better)}."
    if not better:
        return f"{arm} is worse than {other} on {len(worse)} of {of}: {joined(worse)}."
    return (
        f"Of {of}, {arm} is better than {other} on {len(better)}: {joined(better)}; and worse on {len(worse)}: "
        f"{joined(worse)}."
    )


def _impossible(arm: str, other: str, rows: Sequence[ComparisonRow], total: int) -> str:
    """States that so few clients cannot give a significant difference, and how many could."""
    n = counts([row.n for row in rows])
    least, needed = min(row.least_p for row in rows), rows[0].needed
    remedy = "more resamples are needed" if isinf(needed) else f"at least {needed:.0f} clients are needed"
    return (
        f"{arm} and {other} could not differ significantly, whatever the data: with {n} clients and "
        f"{counted(total, 'comparison')} the corrected p cannot be below {least:.2g}; {remedy}."
    )


def short(row: ComparisonRow) -> str:
    """Labels a comparison in a figure with both means and p: `62% vs. 41%, p = 0.002`."""
    means = (amount(mean, row.unit).removesuffix(" points") for mean in (row.mean, row.other_mean))
    return f"{' vs. '.join(means)}, {p_value(row.p_adjusted)}"


# From the first to the second half of the sessions --------------------------------------------------------------------


def change(row: ChangeRow, unit: Unit, level: float) -> str:
    """States the change of one arm: `-20 points (95% CI -30 to -10, p = 0.004)`."""
    if row.n < 2 or isnan(row.difference):
        return f"not estimable ({have(row.n)} a value in both halves)"
    return f"{amount(row.difference, unit, signed=True)} ({interval(row, unit, level)}, {p_value(row.p_adjusted)})"


def moved(subject: str, rows: Sequence[ChangeRow], level: float) -> str:
    """Titles a figure over turns: `Resistance falls in planning; no significant change in base`."""
    by_direction: dict[str, list[str]] = {}
    for row in rows:
        by_direction.setdefault(_direction(row, level), []).append(row.arm)
    parts = "; ".join(_direction_of_arms(direction, arms, len(rows)) for direction, arms in by_direction.items())
    return f"{subject} {parts}" if next(iter(by_direction)) in ("falls", "rises") else f"{subject}: {parts}"


def _direction(row: ChangeRow, level: float) -> str:
    if row.n < 2 or isnan(row.difference):
        return "change not estimable"
    if row.least_p >= 1 - level:
        return "too few clients for a significant change"
    if not row.p_adjusted < 1 - level:
        return "no significant change"
    return "falls" if row.difference < 0 else "rises"


def _direction_of_arms(direction: str, arms: Sequence[str], total: int) -> str:
    if total == 1:
        return direction
    if len(arms) < total:
        return f"{direction} in {joined(arms)}"
    of_all = {"falls": " in every arm", "rises": " in every arm", "no significant change": " in any arm"}
    of_all["too few clients for a significant change"] = " in any arm"
    return direction + of_all.get(direction, "")


# Replies --------------------------------------------------------------------------------------------------------------


def reactions(table: pd.DataFrame, labels: Mapping[str, str]) -> str:
    """Lists the shares of the other kinds of replies by arm.

    Args:
        table: arm, reaction, share; one row per arm and kind of reply.
        labels: the kinds to list, with their labels.
    """
    parts = []
    for arm in dict.fromkeys(table["arm"]):
        shares = table.loc[table["arm"] == arm].set_index("reaction")["share"].to_dict()
        rest = [f"{amount(shares[kind], 'share')} {label}" for kind, label in labels.items() if shares.get(kind, 0) > 0]
        parts.append(f"in {arm} " + (", ".join(rest) or "there are none"))
    return "; ".join(parts)
