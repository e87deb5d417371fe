"""The reliability of ratings: Krippendorff's alpha and the agreement of pairs."""

from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mirror.statistics.intervals import Array

Scale = Literal["nominal", "ordinal", "interval"]


class Agreement(NamedTuple):
    """How often two ratings of the same unit agree, over all pairs of raters or repeats.

    Attributes:
        exact, within_one: shares of the pairs with the same value, and with values at most 1 apart; NaN without pairs.
        pairs: the number of pairs.
        units: the number of units with at least two ratings.
    """

    exact: float
    within_one: float
    pairs: int
    units: int


def krippendorff_alpha(ratings: ArrayLike, level: Scale = "ordinal") -> float:
    """Computes Krippendorff's alpha from coincidences (Krippendorff 2011, Computing Krippendorff's Alpha-Reliability).

    Args:
        ratings: [raters, units], NaN where a rating is missing.
        level: the level of measurement.

    Returns:
        1 = perfect agreement, 0 = chance; NaN if no unit has two ratings, or all ratings are the same.

    Raises:
        ValueError: the level is unknown.
    """
    given = np.asarray(ratings, float)
    values = np.unique(given[~np.isnan(given)])
    counts = (given[:, :, None] == values).sum(0).astype(float)  # [units, values]
    counts = counts[counts.sum(1) >= 2]
    if not len(counts):
        return np.nan
    scaled = counts / (counts.sum(1, keepdims=True) - 1)
    observed = scaled.T @ counts - np.diag(scaled.sum(0))
    totals = counts.sum(0)
    expected = (np.outer(totals, totals) - np.diag(totals)) / (totals.sum() - 1)
    distances = _distances(values, totals, level)
    by_chance = (expected * distances).sum()
    return float(1 - (observed * distances).sum() / by_chance) if by_chance > 0 else np.nan


def _distances(values: Array, totals: Array, level: Scale) -> Array:
    """Squared distances between values [values, values] at a level of measurement."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "ordinal":  # the number of ratings between two values, counting half of those at the values
        middle = np.cumsum(totals) - totals / 2
        return np.subtract.outer(middle, middle) ** 2
    if level == "interval":
        return np.subtract.outer(values, values) ** 2
    raise ValueError(f"level must be nominal, ordinal or interval, found {level!r}")


def agreement(ratings: ArrayLike) -> Agreement:
    """Counts how often raters or repeats agree on a unit.

    Args:
        ratings: [raters, units], NaN where a rating is missing.
    """
    given = np.asarray(ratings, float)
    apart = [np.abs(one - other) for one, other in combinations(given, 2)]
    found = np.concatenate(apart) if apart else np.empty(0)
    found = found[~np.isnan(found)]
    units = int((np.sum(~np.isnan(given), axis=0) >= 2).sum())
    if not len(found):
        return Agreement(np.nan, np.nan, 0, units)
    return Agreement(float((found == 0).mean()), float((found <= 1).mean()), len(found), units)
