"""Words for numbers: every sentence of an analysis follows from a table, also where there is nothing to claim."""

from collections.abc import Iterable, Mapping
from math import isnan

import pandas as pd

from mirror.study import Measure

COLUMNS = (
    "All comparisons, each on the clients that both arms have. *p* is corrected for all of them (Holm), *effect* is "
    "Hedges' g of the paired differences, and *detectable* the difference that so many clients would show four times "
    "out of five. An arrow says in which direction an outcome is good."
)


def amount(value: float, unit: str, signed: bool = False) -> str:
    """A value as it is read: `62 %`, `0.71`, `13.4`; a difference of shares in points."""
    if isnan(value):
        return "unknown"
    sign = "+" if signed else ""
    if unit in ("share", "points"):
        return f"{100 * value:{sign}.0f} points" if signed or unit == "points" else f"{100 * value:.0f} %"
    if unit == "cosine":
        return f"{value:{sign}.3f}"
    return f"{value:{sign},.0f}" if abs(value) >= 100 else f"{value:{sign}.2f}"


def spread(values: Mapping[str, float], unit: str) -> str:
    """The values of the arms in as few words as they need: one for all, or each with its arm."""
    told = {arm: amount(value, unit) for arm, value in values.items()}
    if len(told) > 1 and len(set(told.values())) == 1:
        return f"{next(iter(told.values()))} in every arm"
    return ", ".join(f"{value} in {arm}" for arm, value in told.items())


def share_word(values: Iterable[float]) -> str:
    """`All`, `Most`, `Some` or `No` of something, if that is true of every arm; else nothing."""
    words = {_share_word(value) for value in values if not isnan(value)}
    return words.pop() if len(words) == 1 else ""


def _share_word(value: float) -> str:
    if value >= 0.995:
        return "All"
    return "Most" if value > 0.5 else "Some" if value >= 0.005 else "No"


def p_value(p: float) -> str:
    return "p unknown" if isnan(p) else "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"


def comparison(row: pd.Series, measure: Measure, level: float) -> str:
    """One comparison of two arms in a sentence: what is seen, how large, and how sure."""
    if row.n < 2 or isnan(row.difference):
        return f"{measure.label}: {row.arm} and {row.other} cannot be compared, {row.n} clients have both."
    seen = (
        f"{amount(row['mean'], measure.unit)} in {row.arm} and {amount(row.other_mean, measure.unit)} in {row.other} "
        f"(difference {amount(row.difference, measure.unit, signed=True)}, {interval(row, measure.unit, level)}, "
        f"{p_value(row.p_adjusted)}, n = {row.n})"
    )
    label = measure.label[0].upper() + measure.label[1:]
    if row.p_adjusted < 1 - level:
        return f"{label}: {seen}."
    return f"{label}: no difference can be told; {seen}{_could_see(row, measure)}."


def interval(row: pd.Series, unit: str, level: float) -> str:
    if isnan(row.low):
        return "the same for every client, so without an interval"
    low, high = (amount(end, unit, signed=True).removesuffix(" points") for end in (row.low, row.high))
    return f"{percent(level)} interval {low} to {high}"


def percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _could_see(row: pd.Series, measure: Measure) -> str:
    if isnan(row.detectable):
        return ""
    size = amount(row.detectable, measure.unit, signed=True).removeprefix("+")
    return f"; with {row.n} clients a difference of {size} would be seen four times out of five"


def change(row: pd.Series, unit: str, level: float, falls: str = "falls", rises: str = "rises") -> str:
    """How a quantity moved from the first half of the sessions to the second, in one arm; a row of `compare_arms`."""
    if row.n < 2 or isnan(row.difference):
        return "cannot be told"
    told = f"{amount(row.difference, unit, signed=True)}, {interval(row, unit, level)}"
    if row.p_adjusted < 1 - level:
        return f"{falls if row.difference < 0 else rises} ({told})"
    return f"does not change detectably ({told})"


def movement(rows: pd.DataFrame, level: float) -> dict[str, list[str]]:
    """The arms in which a quantity falls, rises or does neither; `rows` as `compare_arms` gives them, by arm."""
    found: dict[str, list[str]] = {"falls": [], "rises": [], "": []}
    for row in rows.itertuples():
        is_seen = row.p_adjusted < 1 - level
        found["falls" if is_seen and row.difference < 0 else "rises" if is_seen else ""].append(row.run)
    return found


def moved(subject: str, rows: pd.DataFrame, level: float) -> str:
    """A title of a figure over turns: `Resistance falls in planning and does not change detectably in base`."""
    found = {way: arms for way, arms in movement(rows, level).items() if arms}
    words = {"falls": "falls", "rises": "rises", "": "does not change detectably"}
    if len(found) == 1:
        (way, arms), *_ = found.items()
        return f"{subject} {words[way]}" + (" in any arm" if way == "" and len(arms) > 1 else "") + _in_all(way, arms)
    return f"{subject} " + ", ".join(f"{words[way]} in {joined(arms)}" for way, arms in found.items())


def _in_all(way: str, arms: list[str]) -> str:
    return " in every arm" if way and len(arms) > 1 else ""


def joined(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def counts(n: pd.Series) -> str:
    """How many, where it is not the same everywhere: from the least to the most."""
    return f"{n.min()}" if n.min() == n.max() else f"{n.min()} to {n.max()}"


def verdict(table: pd.DataFrame, level: float) -> str:
    """Which arm is better, a sentence a pair; `table` has the comparisons of all outcomes, with `is_better`."""
    return " ".join(_pair_verdict(pair, rows, level) for pair, rows in table.groupby(["arm", "other"], sort=False))


def _pair_verdict(pair: tuple[str, str], rows: pd.DataFrame, level: float) -> str:
    arm, other = pair
    seen = rows[rows.p_adjusted < 1 - level]
    better, worse = (seen.label[seen.is_better == is_better].tolist() for is_better in (True, False))
    n = f"n = {counts(rows.n)}"
    if not better and not worse:
        return f"Between {arm} and {other} no difference can be told in any of {len(rows)} outcomes ({n} clients)."
    told = f"{arm} is better than {other} in {joined(better)}" if better else ""
    if worse:
        told += (", but worse in " if better else f"{arm} is worse than {other} in ") + joined(worse)
    return f"{told} ({len(seen)} of {len(rows)} outcomes, {n} clients)."


def reactions(table: pd.DataFrame, words: Mapping[str, str]) -> str:
    """What else the replies are, by arm; `table`: arm, reaction, share. `words` name the reactions, in their order."""
    told = []
    for arm, rows in table.groupby("arm", sort=False):
        shares = rows.set_index("reaction").share
        rest = [f"{amount(shares[kind], 'share')} {word}" for kind, word in words.items() if shares.get(kind, 0) > 0]
        told.append(f"in {arm} " + (", ".join(rest) or "there are no others"))
    return "; ".join(told)


def falling(counts: Mapping[str, tuple[int, int]]) -> str:
    """How many clients the first and the last turn have, by arm."""
    told = {arm: f"{first} in the first turn, {last} in the last" for arm, (first, last) in counts.items()}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{arm} has {words}" for arm, words in told.items())


def short(row: pd.Series) -> str:
    """A comparison beside its mark in a figure."""
    means = (amount(mean, row.unit).removesuffix(" points") for mean in (row["mean"], row.other_mean))
    return f"{' against '.join(means)}, {p_value(row.p_adjusted)}"
