"""Sentences made from the numbers of a table, also where there is nothing to claim."""

from collections.abc import Iterable, Mapping
from math import isinf, isnan

import pandas as pd

from mirror.analysis.measures import Measure

COLUMNS = (
    "All comparisons, each on the clients with a complete session in both arms. *means* are over these n clients, "
    "*points* are percentage points, *p* is corrected for all comparisons (Holm), *effect* is Hedges' g of the paired "
    "differences, and *detectable* is the difference that n clients detect at 80% power (*none*: no possible one). "
    "Arrows show the good direction."
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


def amount(value: float, unit: str, signed: bool = False) -> str:
    """A value as it is read: `62%`, `0.71`, `13.4`; a difference of shares in percentage points."""
    if isnan(value):
        return "no value"
    if unit in ("share", "points"):
        return f"{_rounded(100 * value, 0, signed)} points" if signed or unit == "points" else f"{100 * value:.0f}%"
    if unit == "cosine":
        return _rounded(value, 3, signed)
    return _rounded(value, 0 if abs(value) >= 100 else 2, signed)


def _rounded(value: float, digits: int, signed: bool) -> str:
    """`+0.30`, `16,260`; what is 0 when rounded has no sign."""
    is_zero = round(value, digits) == 0
    return f"{abs(value) if is_zero else value:{'+' if signed and not is_zero else ''},.{digits}f}"


def spread(values: Mapping[str, float], unit: str) -> str:
    """The values of the arms, or one for all where they are the same: `62% in base, 71% in ec`."""
    told = {arm: amount(value, unit) for arm, value in values.items()}
    if len(told) > 1 and len(set(told.values())) == 1:
        return f"{next(iter(told.values()))} in every arm"
    return ", ".join(f"{value} in {arm}" for arm, value in told.items())


def share_word(values: Iterable[float]) -> str:
    """`All`, `Most`, `Some` or `No`, if that is true of every arm; else nothing."""
    words = {_share_word(value) for value in values if not isnan(value)}
    return words.pop() if len(words) == 1 else ""


def _share_word(value: float) -> str:
    if value >= 0.995:
        return "All"
    return "Most" if value > 0.5 else "Some" if value >= 0.005 else "No"


def p_value(p: float) -> str:
    return "p unknown" if isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def joined(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def counted(number: int, noun: str) -> str:
    """`1 client`, `12 clients`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def n_by_arm(n: Mapping[str, tuple[int, int]]) -> str:
    """How many clients each arm has, from the least to the most: `n = 12`, `n = 12 (base), 9 to 11 (planning)`."""
    told = {arm: f"{least}" if least == most else f"{least} to {most}" for arm, (least, most) in n.items()}
    if len(set(told.values())) == 1:
        return f"n = {next(iter(told.values()))}"
    return "n = " + ", ".join(f"{count} ({arm})" for arm, count in told.items())


def counts(n: pd.Series) -> str:
    """How many, where it is not the same everywhere: from the least to the most."""
    return f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"


def compared(complete: Mapping[str, int], shared: int) -> str:
    """What a study compares: `complete` sessions by arm, and the clients who have one in every arm. Markdown."""
    n = n_by_arm({arm: (count, count) for arm, count in complete.items()})
    if not any(complete.values()):
        return f"**{NONE_COMPLETE}**"
    if len(complete) == 1:
        return f"**One arm is described: {joined(complete)} ({n}). There is no other arm to compare it with.**"
    told = f"**{len(complete)} arms are compared: {joined(complete)}.** Complete sessions: {n}; "
    return f"{told}{have(shared)} one in every arm."


# Two arms -------------------------------------------------------------------------------------------------------------


def comparison(row: pd.Series, measure: Measure, level: float) -> str:
    """One comparison of two arms in a sentence: the means, the difference, its interval and p."""
    label = measure.label[0].upper() + measure.label[1:]
    if row.n < 2 or isnan(row.difference):
        return f"{label}: {row.arm} and {row.other} cannot be compared; {have(row.n)} a value in both arms."
    seen = (
        f"{amount(row['mean'], measure.unit)} in {row.arm} and {amount(row.other_mean, measure.unit)} in {row.other} "
        f"(difference {amount(row.difference, measure.unit, signed=True)}, {interval(row, measure.unit, level)}, "
        f"{p_value(row.p_adjusted)}, n = {row.n})"
    )
    if row.p_adjusted < 1 - level:
        return f"{label}: {seen}."
    return f"{label}: no significant difference; {seen}{_could_see(row, measure)}."


def have(n: int) -> str:
    """The beginning of a sentence on how many clients have something."""
    return "no client has" if n == 0 else "only 1 client has" if n == 1 else f"{n:,} clients have"


def interval(row: pd.Series, unit: str, level: float) -> str:
    """`95% CI +12 to +30`, in the unit of the difference before it."""
    if isnan(row.low):
        return "the same for every client, so without an interval"
    low, high = (amount(end, unit, signed=True).removesuffix(" points") for end in (row.low, row.high))
    return f"{percent(level)} CI {low} to {high}"


def _could_see(row: pd.Series, measure: Measure) -> str:
    if isnan(row.detectable):
        return ""
    if isinf(row.detectable):
        return f"; with {row.n} clients no possible difference is detectable at 80% power"
    size = amount(row.detectable, measure.unit, signed=True).removeprefix("+")
    return f"; with {row.n} clients a difference of {size} is detectable at 80% power"


def verdict(table: pd.DataFrame, level: float) -> str:
    """Which arm is better, one sentence per pair; `table` has the comparisons of all outcomes, with `is_better`."""
    return " ".join(_pair_verdict(pair, rows, level) for pair, rows in table.groupby(["arm", "other"], sort=False))


def _pair_verdict(pair: tuple[str, str], rows: pd.DataFrame, level: float) -> str:
    arm, other = pair
    tested = rows[rows.n > 1]
    if not len(tested):
        return f"{arm} and {other} cannot be compared: {have(rows.n.max())} a complete session in both."
    seen = tested[tested.p_adjusted < 1 - level]
    better, worse = (seen.label[seen.is_better == is_better].tolist() for is_better in (True, False))
    n = f"n = {counts(tested.n)}"
    if not better and not worse:
        of = "the only outcome" if len(tested) == 1 else f"any of {len(tested)} outcomes"
        return f"No significant difference between {arm} and {other} in {of} ({n}){_too_few(tested.n.max(), level)}."
    of = f"{counted(len(tested), 'outcome')} ({n})"
    if not worse:
        return f"{arm} is better than {other} on {len(better)} of {of}: {joined(better)}."
    if not better:
        return f"{arm} is worse than {other} on {len(worse)} of {of}: {joined(worse)}."
    return (
        f"Of {of}, {arm} is better than {other} on {len(better)}: {joined(better)}; and worse on {len(worse)}: "
        f"{joined(worse)}."
    )


def _too_few(n: int, level: float) -> str:
    """Where even clients who all differ in one direction could not be significant."""
    smallest = 2.0 ** (1 - n)
    return "" if smallest < 1 - level else f"; with {n} clients p cannot be below {smallest:.2g}"


def short(row: pd.Series) -> str:
    """A comparison beside its mark in a figure: both means and p."""
    means = (amount(mean, row.unit).removesuffix(" points") for mean in (row["mean"], row.other_mean))
    return f"{' vs. '.join(means)}, {p_value(row.p_adjusted)}"


# From one half of the sessions to the other ---------------------------------------------------------------------------


def change(row: pd.Series, unit: str, level: float) -> str:
    """The change of an arm from the first to the second half: `-20 points (95% CI -30 to -10, p = 0.004)`."""
    if row.n < 2 or isnan(row.difference):
        return f"not estimable ({have(row.n)} a value in both halves)"
    return f"{amount(row.difference, unit, signed=True)} ({interval(row, unit, level)}, {p_value(row.p_adjusted)})"


def moved(subject: str, rows: pd.DataFrame, level: float) -> str:
    """The title of a figure over turns: `Resistance falls in planning; no significant change in base`."""
    found: dict[str, list[str]] = {}
    for row in rows.itertuples():
        found.setdefault(_way(row, level), []).append(row.run)
    told = [_moved(way, arms, len(rows)) for way, arms in found.items()]
    ways = list(found)
    if ways[0] in ("falls", "rises"):
        return f"{subject} {'; '.join(told)}"
    return f"{subject}: {'; '.join(told)}"


def _way(row: pd.Series, level: float) -> str:
    if row.n < 2 or isnan(row.difference):
        return "change not estimable"
    if not row.p_adjusted < 1 - level:
        return "no significant change"
    return "falls" if row.difference < 0 else "rises"


def _moved(way: str, arms: list[str], total: int) -> str:
    if total == 1:
        return way
    if len(arms) < total:
        return f"{way} in {joined(arms)}"
    return (
        f"{way} in any arm"
        if way == "no significant change"
        else f"{way} in every arm"
        if way in ("falls", "rises")
        else way
    )


# Replies --------------------------------------------------------------------------------------------------------------


def reactions(table: pd.DataFrame, words: Mapping[str, str]) -> str:
    """The shares of the other kinds of replies by arm; `table`: arm, reaction, share. `words` name the reactions."""
    told = []
    for arm, rows in table.groupby("arm", sort=False):
        shares = rows.set_index("reaction").share
        rest = [f"{amount(shares[kind], 'share')} {word}" for kind, word in words.items() if shares.get(kind, 0) > 0]
        told.append(f"in {arm} " + (", ".join(rest) or "there are none"))
    return "; ".join(told)
