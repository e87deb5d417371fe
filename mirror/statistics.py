"""How sure we are: intervals, paired comparisons of arms, effect sizes, power, and the reliability of ratings.

Arms are compared on the clients that both have. A missing value (NaN) is counted and left out, never filled in.
"""

from functools import lru_cache
from itertools import combinations, product
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

RESAMPLES = 10_000
LEVEL = 0.95
POWER = 0.8
Array = NDArray[np.float64]
Bounds = tuple[float, float]  # the lowest and the highest value that a score can have
UNBOUNDED: Bounds = (-np.inf, np.inf)
Scale = Literal["nominal", "ordinal", "interval"]
_SAME = 1e-9  # sums that differ by less, relative to their size, are the same but for rounding


class Estimate(NamedTuple):
    """A mean or a share with its interval; all three are NaN where nothing can be said.

    Attributes:
        n: values that it comes from.
        missing: values that should have been there.
    """

    mean: float
    low: float
    high: float
    n: int
    missing: int


class Agreement(NamedTuple):
    """How often two ratings of the same unit agree, over all pairs of raters or repeats.

    Attributes:
        exact, within_one: shares of the pairs with the same value, and with values at most 1 apart; NaN without pairs.
        pairs: how many there are.
        units: with at least two ratings.
    """

    exact: float
    within_one: float
    pairs: int
    units: int


# One arm --------------------------------------------------------------------------------------------------------------


def estimate(
    values: ArrayLike, seed: int, resamples: int = RESAMPLES, level: float = LEVEL, bounds: Bounds = UNBOUNDED
) -> Estimate:
    """The mean of an arm's values, one per client [clients], with its bootstrap interval (see `mean_interval`)."""
    given = np.asarray(values, float)
    there = given[~np.isnan(given)]
    if not len(there):
        return Estimate(np.nan, np.nan, np.nan, 0, len(given))
    low, high = mean_interval(there[:, None], seed, resamples, level, bounds)
    return Estimate(float(there.mean()), float(low[0]), float(high[0]), len(there), len(given) - len(there))


def proportion(successes: int, n: int, missing: int = 0, level: float = LEVEL) -> Estimate:
    """A share of yes-or-no outcomes with Wilson's score interval (Wilson 1927, JASA 22:209)."""
    if not n:
        return Estimate(np.nan, np.nan, np.nan, 0, missing)
    found = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return Estimate(successes / n, float(found.low), float(found.high), n, missing)


def mean_interval(
    values: Array, seed: int, resamples: int = RESAMPLES, level: float = LEVEL, bounds: Bounds = UNBOUNDED
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Low and high ends [columns] of the interval for the mean of each column of `values` [clients, columns].

    The symmetric studentized bootstrap (Hall 1988, JRSS B 50:35): the mean ± the `level` quantile of |t*| in standard
    errors. It keeps its coverage at 20 to 40 clients for skewed differences, where percentile and BCa intervals are too
    narrow (`python -m tests.simulate_statistics`); the mean of one arm with a long tail is still covered too seldom.
    Student's quantile bounds it from below, and stands in where more than 1 - `level` of the resamples hold one value
    only (fewer than about 5 clients). NaN for one client, and where no value differs from another.

    Its ends are truncated to `bounds`. Every value, and so the true mean, lies between them: an interval that held the
    truth before still does, so the coverage is the same. It holds the mean, and does not depend on the clients' order.
    """
    values = np.sort(values, axis=0)
    n, columns = values.shape
    if n < 2:
        return np.full(columns, np.nan), np.full(columns, np.nan)
    mean, deviation = values.mean(0), values.std(0, ddof=1)
    error = np.where(deviation > _SAME * np.abs(values).max(0), deviation, np.nan) / np.sqrt(n)
    centered = values - mean
    weights = _resample_weights(n, resamples, seed)
    moved = weights @ centered
    spread = np.sqrt(np.maximum(weights @ centered**2 - moved**2, 0) / (n - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(spread > 1e-6 * error, np.abs(moved) / spread, np.inf)
    quantile = np.quantile(t, level, axis=0, method="inverted_cdf")
    student = stats.t.ppf((1 + level) / 2, n - 1)
    reach = np.where(np.isfinite(quantile), np.maximum(quantile, student), student) * error
    lowest, highest = np.minimum(bounds[0], mean), np.maximum(bounds[1], mean)
    return np.maximum(mean - reach, lowest), np.minimum(mean + reach, highest)


@lru_cache(maxsize=4)  # the measures of a study share the number of clients
def _resample_weights(n: int, resamples: int, seed: int) -> Array:
    """How often each client is drawn in each resample [resamples, clients], as a share of the draws."""
    drawn = np.random.default_rng([seed, n]).multinomial(n, np.full(n, 1 / n), resamples)
    return drawn / n


# Two arms -------------------------------------------------------------------------------------------------------------


def compare_arms(
    scores: pd.DataFrame, seed: int, resamples: int = RESAMPLES, level: float = LEVEL, bounds: Bounds = UNBOUNDED
) -> pd.DataFrame:
    """Every pair of arms on the clients that both have, one row per pair.

    Args:
        scores: one measure; one row per client (index idx), one column per arm, NaN where a score is missing.
        bounds: of a score; a difference lies within their distance.

    Returns:
        arm, other: the columns that are compared.
        n, missing: clients with both scores, and clients that lack one of them.
        mean, other_mean: over these n clients.
        difference: mean - other_mean; `low` and `high` are its interval (see `mean_interval`).
        p: two-sided, of the paired permutation test (see `sign_flip_test`); `adjust` it over all tests of a study.
        effect: Hedges' g_z, the difference in standard deviations of the differences (see `effect_size`);
            `effect_low` and `effect_high` are the interval of the difference in the same units.
        detectable: the smallest true difference detected with a power of 80% at this n (see `detectable_difference`);
            infinite where no possible difference would be.
    """
    pairs = combinations(scores.columns, 2)
    rows = [_compare(scores, arm, other, seed, resamples, level, bounds) for arm, other in pairs]
    columns = "arm other n missing mean other_mean difference low high p effect effect_low effect_high detectable"
    return pd.DataFrame(rows, columns=columns.split()).astype(dict.fromkeys(columns.split()[4:], float))


def _compare(
    scores: pd.DataFrame, arm: str, other: str, seed: int, resamples: int, level: float, bounds: Bounds
) -> dict[str, object]:
    pairs = scores[[arm, other]].dropna().to_numpy(float)
    n = len(pairs)
    row = {"arm": arm, "other": other, "n": n, "missing": len(scores) - n}
    if not n:
        return row
    differences = pairs[:, 0] - pairs[:, 1]
    widest = bounds[1] - bounds[0]
    (low,), (high,) = mean_interval(differences[:, None], seed, resamples, level, (-widest, widest))
    detectable = detectable_difference(n, differences.std(ddof=1) if n > 1 else np.nan, level=level)
    means = {"mean": pairs[:, 0].mean(), "other_mean": pairs[:, 1].mean(), "difference": differences.mean()}
    tested = {
        "low": low,
        "high": high,
        "p": sign_flip_test(differences[:, None], seed, resamples)[0],
        "effect": effect_size(differences),
        "effect_low": low * _effect_per_unit(differences),
        "effect_high": high * _effect_per_unit(differences),
        "detectable": np.inf if detectable > widest else detectable,
    }
    return row | means | tested


def sign_flip_test(differences: Array, seed: int, resamples: int = RESAMPLES) -> Array:
    """Two-sided p [columns] of the paired permutation test on each column of `differences` [clients, columns].

    Where the arms do not differ, each client's two scores could as well be swapped: p is the share of swaps with a mean
    difference at least as large. All 2^clients swaps where that is no more than `resamples`; else random ones, the one
    seen counted among them (Phipson & Smyth 2010). The same as scipy's `permutation_test` of paired samples, whose
    swaps are drawn anew for every measure.
    """
    n = len(differences)
    differences = np.sort(differences, axis=0)  # the same p for clients in another order
    flips = _flips(n, resamples, seed)
    seen, swapped = np.abs(differences.sum(0)), np.abs(flips @ differences)
    extreme = (swapped >= seen - _SAME * np.abs(differences).sum(0)).sum(0)
    return extreme / len(flips) if 2**n <= resamples else (extreme + 1) / (len(flips) + 1)


@lru_cache(maxsize=4)
def _flips(n: int, resamples: int, seed: int) -> Array:
    """Signs ±1 [swaps, clients]."""
    if 2**n <= resamples:
        return np.array(list(product((1.0, -1.0), repeat=n)))
    return np.random.default_rng([seed, n, 1]).choice([1.0, -1.0], (resamples, n))


def adjust(p_values: ArrayLike, method: Literal["holm", "bh"] = "holm") -> Array:
    """p corrected for how many there are, in their order; NaN stays NaN and does not count.

    `holm` bounds the chance of any false finding (Holm 1979), `bh` the share of false ones among the findings
    (Benjamini & Hochberg 1995).
    """
    given = np.asarray(p_values, float)
    adjusted, there = np.full(given.shape, np.nan), ~np.isnan(given)
    p = given[there]
    if method == "bh":
        adjusted[there] = stats.false_discovery_control(p) if len(p) else p
        return adjusted
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted[np.flatnonzero(there)[order]] = np.minimum(stepped, 1)
    return adjusted


def effect_size(differences: Array) -> float:
    """Hedges' g_z of paired differences [clients]: their mean in standard deviations, without the bias of few clients.

    d_z of Cohen 1988 with the correction of Hedges 1981, as in Lakens 2013 (Front. Psychol. 4:863). NaN where no
    difference differs from another.
    """
    return float(differences.mean() * _effect_per_unit(differences))


def _effect_per_unit(differences: Array) -> float:
    """How many g_z a difference of 1 is; NaN where there is no g_z."""
    freedom = len(differences) - 1
    deviation = differences.std(ddof=1) if freedom > 0 else 0.0
    if freedom < 2 or deviation <= _SAME * np.abs(differences).max():
        return np.nan
    unbiased = np.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2)
    return float(unbiased / deviation)


def detectable_difference(n: int, deviation: float, power: float = POWER, level: float = LEVEL) -> float:
    """The true difference that n clients show with this power, where differences have this standard deviation.

    Of the two-sided paired t-test at 1 - `level`, to which the permutation test comes close, by the noncentral t
    distribution (Cohen 1988, ch. 2); significance in the wrong direction is no success. NaN for one client, and for a
    deviation of 0 or NaN.
    """
    if n < 2 or not deviation > 0:
        return np.nan
    return _noncentrality(n - 1, power, level) * deviation / np.sqrt(n)


@lru_cache(maxsize=256)
def _noncentrality(freedom: int, power: float, level: float) -> float:
    critical = stats.t.ppf((1 + level) / 2, freedom)

    def lacking(shift: float) -> float:
        return stats.nct.sf(critical, freedom, shift) - power

    return optimize.brentq(lacking, 0, 30)


# Reliability ----------------------------------------------------------------------------------------------------------


def krippendorff_alpha(ratings: ArrayLike, level: Scale = "ordinal") -> float:
    """Krippendorff's alpha of `ratings` [raters, units], NaN where a rater gave none.

    1 is perfect agreement, 0 what chance would give. By coincidences (Krippendorff 2011, Computing Krippendorff's
    Alpha-Reliability). NaN where no unit has two ratings, or all ratings are the same: then there is nothing to tell.
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
    """Squared differences between values [values, values], by the level of measurement."""
    if level == "nominal":
        return 1.0 - np.eye(len(values))
    if level == "ordinal":  # the ratings between two values, half of theirs included
        middle = np.cumsum(totals) - totals / 2
        return np.subtract.outer(middle, middle) ** 2
    if level == "interval":
        return np.subtract.outer(values, values) ** 2
    raise ValueError(f"level must be nominal, ordinal or interval, found {level!r}")


def agreement(ratings: ArrayLike) -> Agreement:
    """How often raters or repeats agree on a unit: `ratings` [raters, units], NaN where there is none."""
    given = np.asarray(ratings, float)
    apart = [np.abs(one - other) for one, other in combinations(given, 2)]
    found = np.concatenate(apart) if apart else np.empty(0)
    found = found[~np.isnan(found)]
    units = int((np.sum(~np.isnan(given), axis=0) >= 2).sum())
    if not len(found):
        return Agreement(np.nan, np.nan, 0, units)
    return Agreement(float((found == 0).mean()), float((found <= 1).mean()), len(found), units)
