"""Which painter to take, by a stated rule, in words."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

AS_FAST = 0.05  # a painter that is slower than the fastest by at most this share counts as equally fast


@dataclass(frozen=True)
class Rule:
    """When a painter still paints the person.

    Attributes:
        enough: share of faces that must be accepted within all attempts: the low end of the interval.
        identity_margin: how far the cosine with the portrait may be below the reference's: the low end of the interval
            of the difference.
        most_strangers: share of faces that the identity filter may accept with another client's portrait, and of faces
            painted without the person.
    """

    enough: float
    identity_margin: float
    most_strangers: float


@dataclass(frozen=True)
class Recommendation:
    """The painter to take.

    Attributes:
        painter: the fastest one that keeps the rule, and of several that are equally fast the one whose pictures are
            closest to the reference's; the reference if none keeps the rule.
        claim: that in a few words, the title of a figure.
        text: why, and why not those that are faster; a paragraph.
        faults: what each painter breaks of the rule, by name; empty for one that keeps it.
    """

    painter: str
    claim: str
    text: str
    faults: dict[str, tuple[str, ...]]


class _Row(NamedTuple):
    painter: str
    accepted: float
    accepted_low: float
    accepted_high: float
    identity: float
    identity_difference: float
    identity_difference_low: float
    swapped: float
    without_person: float
    distance: float
    accepted_per_second: float
    speedup: float


def recommend(table: pd.DataFrame, rule: Rule, attempts: int, unit: str) -> Recommendation:
    """Recommends the fastest painter that keeps the rule; see `Recommendation`.

    Args:
        table: as `mirror.painting.report.comparison.compare` returns it; the first row is the reference.
        rule: what a painter must keep.
        attempts: per face at most.
        unit: of the seconds: `CPU` or `GPU`.
    """
    rows = [_Row(*values) for values in table[list(_Row._fields)].itertuples(index=False)]
    reference = rows[0]
    faults = {row.painter: tuple(_faults(row, row is reference, rule, attempts)) for row in rows}
    fit = [row for row in rows if not faults[row.painter]]
    fastest = max((row.accepted_per_second for row in fit), default=0.0)
    equal = [row for row in fit if row.accepted_per_second >= (1 - AS_FAST) * fastest]
    best = min(equal, key=lambda row: np.nan_to_num(row.distance, nan=np.inf), default=reference)
    faster = [row for row in rows if row.accepted_per_second > best.accepted_per_second and faults[row.painter]]
    sentences = [_praise(best, reference, attempts, unit) if fit else _none_fit(reference, faults[reference.painter])]
    sentences += [
        f"{row.painter} is as fast ({row.speedup:.2f} times), but its pictures are farther from those of "
        f"{reference.painter}: {row.distance:.1f} gray levels against {best.distance:.1f}."
        for row in equal
        if row is not best
    ]
    sentences += [f"{row.painter} is faster ({row.speedup:.2f} times) but {_joined(row, faults)}." for row in faster]
    claim = f"{best.painter} gives {best.speedup:.2f} times the accepted faces per second of {reference.painter}"
    if best is reference:
        claim = f"No faster painter than {best.painter} keeps the rule"
    return Recommendation(best.painter, claim, " ".join(sentences), faults)


def _faults(row: _Row, is_reference: bool, rule: Rule, attempts: int) -> list[str]:
    """What a painter breaks of the rule; a number that is not known breaks it, too."""
    faults = []
    if not row.accepted_low >= rule.enough:
        faults.append(
            f"its share of faces accepted within {attempts} attempts may be as low as {row.accepted_low:.1%} "
            f"({rule.enough:.0%} is required)"
        )
    low = row.identity_difference if np.isnan(row.identity_difference_low) else row.identity_difference_low
    if not is_reference and not low >= -rule.identity_margin:
        faults.append(
            f"its similarity with the portrait may be lower than the reference's by {-low:.3f} "
            f"({rule.identity_margin:g} is allowed)"
        )
    for share, what in (
        (row.swapped, "of its faces pass for another client"),
        (row.without_person, "of its faces pass for the client though painted without the portrait"),
    ):
        if not share <= rule.most_strangers:
            faults.append(f"{share:.1%} {what} ({rule.most_strangers:.0%} is allowed)")
    return faults


def _praise(best: _Row, reference: _Row, attempts: int, unit: str) -> str:
    speed = f"{best.accepted_per_second:.3g} accepted faces per {unit} second"
    if best is reference:
        return (
            f"Take {best.painter}, the reference: no other painter that keeps the rule is faster. It gives {speed}, "
            f"and {best.accepted:.1%} of faces are accepted within {attempts} attempts."
        )
    return (
        f"Take {best.painter}: {speed}, {best.speedup:.2f} times as many as {reference.painter}. "
        f"Within {attempts} attempts {best.accepted:.1%} of its faces are accepted "
        f"({best.accepted_low:.1%} to {best.accepted_high:.1%}), against {reference.accepted:.1%}; its mean similarity "
        f"with the portrait is {best.identity:.3f} against {reference.identity:.3f}."
    )


def _none_fit(reference: _Row, faults: tuple[str, ...]) -> str:
    return f"No painter keeps the rule, so stay with {reference.painter}, the reference: {'; '.join(faults)}."


def _joined(row: _Row, faults: dict[str, tuple[str, ...]]) -> str:
    return "; ".join(faults[row.painter])
