"""The reliability of ratings: Krippendorff's alpha, intraclass correlations, and the agreement of pairs."""

from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from mirror.statistics.intervals import LEVEL, RESAMPLES, SAME, Array, resample_weights

Scale = Literal["nominal", "ordinal", "interval"]
_PARTS = 20  # in which resamples are computed, to save memory


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


class IntraclassCorrelation(NamedTuple):
    """Intraclass correlations of absolute agreement; NaN with fewer than two raters or units, or without variation.

    Attributes:
        single, average: ICC(2,1) of one rater, and ICC(2,k) of the mean over the raters.
        raters: their number, k.
        units: the number of units that all of them rated.
    """

    single: float
    average: float
    raters: int
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
    observed, values = _coincidences(np.asarray(ratings, float))
    return float(_alpha(observed.sum(0), values, level)) if len(observed) else np.nan


def alpha_interval(
    ratings: ArrayLike,
    clients: ArrayLike,
    seed: int,
    level: Scale = "ordinal",
    resamples: int = RESAMPLES,
    coverage: float = LEVEL,
) -> tuple[float, float]:
    """Computes the percentile bootstrap interval of Krippendorff's alpha over clients.

    All units of a client are drawn together. Resamples without any variation are left out.

    Args:
        ratings: [raters, units], NaN where a rating is missing.
        clients: the client of each unit [units].
        seed: of the resamples.
        level: the level of measurement.
        resamples: their number.
        coverage: of the interval, from 0 to 1.

    Returns:
        The low and the high end; NaN with fewer than two clients that have a unit with two ratings.
    """
    given, owners = np.asarray(ratings, float), np.asarray(clients)
    observed, values = _coincidences(given)
    names, place = np.unique(owners[(~np.isnan(given)).sum(0) >= 2], return_inverse=True)
    if len(names) < 2:
        return np.nan, np.nan
    of_clients = np.zeros((len(names), *observed.shape[1:]))
    np.add.at(of_clients, place, observed)
    found = [
        _alpha(np.tensordot(drawn, of_clients, 1), values, level)
        for weights in resample_weights(len(names), resamples, seed)
        for drawn in np.array_split(weights * len(names), _PARTS)
    ]
    alphas = np.concatenate(found)
    if np.isnan(alphas).all():
        return np.nan, np.nan
    low, high = np.nanquantile(alphas, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)


def icc(ratings: ArrayLike) -> IntraclassCorrelation:
    """Computes ICC(2,1) and ICC(2,k): two-way random effects, absolute agreement (Shrout & Fleiss 1979).

    Args:
        ratings: [raters, units], NaN where a rating is missing; only units that all raters rated are used.
    """
    given = np.asarray(ratings, float)
    y = given[:, ~np.isnan(given).any(0)]
    raters, units = y.shape
    if raters < 2 or units < 2:
        return IntraclassCorrelation(np.nan, np.nan, raters, units)
    between_units = raters * y.mean(0).var(ddof=1)
    between_raters = units * y.mean(1).var(ddof=1)
    rest = ((y - y.mean(0) - y.mean(1, keepdims=True) + y.mean()) ** 2).sum() / ((raters - 1) * (units - 1))
    extra = (between_raters - rest) / units
    single = _share(between_units - rest, between_units + (raters - 1) * rest + raters * extra)
    average = _share(between_units - rest, between_units + extra)
    return IntraclassCorrelation(single, average, raters, units)


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > SAME else np.nan


def _coincidences(given: Array) -> tuple[Array, Array]:
    """The coincidences within each unit with two ratings [units, values, values], and the values."""
    is_paired = (~np.isnan(given)).sum(0) >= 2
    values = np.unique(given[~np.isnan(given)])
    counts = (given[:, is_paired, None] == values).sum(0).astype(float)  # [units, values]
    pairs = counts[:, :, None] * counts[:, None, :] - counts[:, :, None] * np.eye(len(values))
    return pairs / (counts.sum(1) - 1)[:, None, None], values


def _alpha(observed: Array, values: Array, level: Scale) -> Array:
    """Alpha of coincidences [..., values, values]; NaN where all ratings are the same."""
    totals = observed.sum(-1)
    n = totals.sum(-1)[..., None, None]
    diagonals = totals[..., :, None] * np.eye(len(values))
    expected = (totals[..., :, None] * totals[..., None, :] - diagonals) / (n - 1)
    distances = _distances(values, totals, level)
    by_chance = (expected * distances).sum((-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(by_chance > 0, 1 - (observed * distances).sum((-2, -1)) / by_chance, np.nan)


def _distances(values: Array, totals: Array, level: Scale) -> Array:
    """Squared distances between values [..., values, values] at a level of measurement."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "ordinal":  # the number of ratings between two values, counting half of those at the values
        middle = np.cumsum(totals, axis=-1) - totals / 2
        return (middle[..., :, None] - middle[..., None, :]) ** 2
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
