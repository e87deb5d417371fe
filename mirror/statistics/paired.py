"""Paired comparisons of arms: differences, permutation tests, effect sizes, power, and corrections of p."""

from functools import lru_cache
from itertools import combinations, product
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from mirror.statistics.intervals import LEVEL, RESAMPLES, SAME, UNBOUNDED, Array, Bounds, mean_interval

POWER = 0.8


def compare_arms(
    scores: pd.DataFrame, seed: int, resamples: int = RESAMPLES, level: float = LEVEL, bounds: Bounds = UNBOUNDED
) -> pd.DataFrame:
    """Compares every pair of arms on the clients that both have.

    Args:
        scores: one measure; one row per client (index idx), one column per arm, NaN where a score is missing.
        seed, resamples, level: see `mean_interval`.
        bounds: the lowest and the highest possible score; they limit the differences, too.

    Returns:
        One row per pair:
        arm, other: the columns that are compared.
        n, missing: clients with both scores, and clients that lack one of them.
        mean, other_mean: over these n clients.
        difference: mean - other_mean; `low` and `high` are its interval (see `mean_interval`).
        p: two-sided, of the paired permutation test (see `sign_flip_test`); not yet corrected (see `adjust`).
        effect: Hedges' g_z, the difference in standard deviations of the differences (see `effect_size`);
            `effect_low` and `effect_high` are the interval of the difference in the same units.
        detectable: the smallest true difference detectable at 80% power with this n (see `detectable_difference`);
            infinite if it exceeds every possible difference.
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
    """Runs the paired permutation test on each column of `differences` [clients, columns].

    Under the null hypothesis the two scores of a client are exchangeable: p is the share of swaps with a mean
    difference at least as large as the observed one. All 2^clients swaps are made if they are at most `resamples`, else
    random ones; the observed one counts among them (Phipson & Smyth 2010). Equal to scipy's `permutation_test` of
    paired samples, which draws new swaps for every measure.

    Returns:
        Two-sided p values [columns].
    """
    n = len(differences)
    differences = np.sort(differences, axis=0)  # the same p for clients in another order
    flips = _flips(n, resamples, seed)
    seen, swapped = np.abs(differences.sum(0)), np.abs(flips @ differences)
    extreme = (swapped >= seen - SAME * np.abs(differences).sum(0)).sum(0)
    return extreme / len(flips) if 2**n <= resamples else (extreme + 1) / (len(flips) + 1)


@lru_cache(maxsize=4)
def _flips(n: int, resamples: int, seed: int) -> Array:
    """Signs ±1 [swaps, clients]."""
    if 2**n <= resamples:
        return np.array(list(product((1.0, -1.0), repeat=n)))
    return np.random.default_rng([seed, n, 1]).choice([1.0, -1.0], (resamples, n))


def adjust(p_values: ArrayLike, method: Literal["holm", "bh"] = "holm") -> Array:
    """Corrects p values for multiple comparisons, in their order; NaN stays NaN and does not count.

    `holm` controls the family-wise error rate (Holm 1979), `bh` the false discovery rate (Benjamini & Hochberg 1995).
    """
    given = np.asarray(p_values, float)
    adjusted, there = np.full(given.shape, np.nan), ~np.isnan(given)
    p = given[there]
    if method == "bh":
        from scipy import stats  # slow to import

        adjusted[there] = stats.false_discovery_control(p) if len(p) else p
        return adjusted
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted[np.flatnonzero(there)[order]] = np.minimum(stepped, 1)
    return adjusted


def effect_size(differences: Array) -> float:
    """Computes Hedges' g_z of paired differences [clients]: their mean in standard deviations, corrected for small n.

    d_z of Cohen 1988 with the correction of Hedges 1981, as in Lakens 2013 (Front. Psychol. 4:863). NaN for fewer than
    three clients, and where no difference differs from another.
    """
    return float(differences.mean() * _effect_per_unit(differences))


def _effect_per_unit(differences: Array) -> float:
    """The g_z of a difference of 1; NaN where g_z is not defined."""
    freedom = len(differences) - 1
    deviation = differences.std(ddof=1) if freedom > 0 else 0.0
    if freedom < 2 or deviation <= SAME * np.abs(differences).max():
        return np.nan
    unbiased = np.exp(special.gammaln(freedom / 2) - special.gammaln((freedom - 1) / 2)) / np.sqrt(freedom / 2)
    return float(unbiased / deviation)


def detectable_difference(n: int, deviation: float, power: float = POWER, level: float = LEVEL) -> float:
    """Computes the true difference that is detectable with this power.

    For the two-sided paired t-test at 1 - `level`, which approximates the permutation test, by the noncentral t
    distribution (Cohen 1988, ch. 2). Significance in the wrong direction does not count.

    Args:
        n: clients.
        deviation: the standard deviation of the differences.
        power, level: from 0 to 1.

    Returns:
        The difference in the unit of `deviation`; NaN for one client, and for a deviation of 0 or NaN.
    """
    if n < 2 or not deviation > 0:
        return np.nan
    return _noncentrality(n - 1, power, level) * deviation / np.sqrt(n)


@lru_cache(maxsize=256)
def _noncentrality(freedom: int, power: float, level: float) -> float:
    from scipy import optimize, stats  # slow to import

    critical = stats.t.ppf((1 + level) / 2, freedom)

    def lacking(shift: float) -> float:
        return stats.nct.sf(critical, freedom, shift) - power

    return optimize.brentq(lacking, 0, 30)
