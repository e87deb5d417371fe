"""Paired comparisons of arms: differences, permutation tests, effect sizes, power, and corrections of p."""

from functools import lru_cache
from itertools import combinations, product
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from mirror.statistics.intervals import (
    LEVEL,
    RESAMPLES,
    SAME,
    UNBOUNDED,
    Array,
    Bounds,
    Draws,
    draw_parts,
    mean_interval,
    parts,
)

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
        least_p: the least p that n clients can have (see `least_p`).
        detectable: the smallest true difference detectable at 80% power with this n (see `detectable_difference`);
            infinite if it exceeds every possible difference, and if `least_p` is not below 1 - level.
    """
    pairs = combinations(scores.columns, 2)
    rows = [_compare(scores, arm, other, seed, resamples, level, bounds) for arm, other in pairs]
    numbers = "mean other_mean difference low high p least_p effect effect_low effect_high detectable".split()
    columns = ["arm", "other", "n", "missing", *numbers]
    return pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(numbers, float))


def _compare(
    scores: pd.DataFrame, arm: str, other: str, seed: int, resamples: int, level: float, bounds: Bounds
) -> dict[str, object]:
    pairs = scores[[arm, other]].dropna().to_numpy(float)
    row = {"arm": arm, "other": other, "n": len(pairs), "missing": len(scores) - len(pairs)}
    if not len(pairs):
        return row
    differences = pairs[:, 0] - pairs[:, 1]
    means = {"mean": pairs[:, 0].mean(), "other_mean": pairs[:, 1].mean()}
    return row | means | _tested(differences, bounds[1] - bounds[0], seed, resamples, level)


def compare_differences(
    scores: pd.DataFrame,
    cells: tuple[str, str, str, str],
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    bounds: Bounds = UNBOUNDED,
) -> dict[str, float]:
    """Estimates an interaction: one paired difference of arms minus another one, over the same clients.

    Args:
        scores: as for `compare_arms`.
        cells: the arms a, b, c, d of (a - b) - (c - d).
        seed, resamples, level, bounds: as for `compare_arms`.

    Returns:
        n, missing: clients with all four scores, and clients that lack one of them.
        first, second: the means of a - b and of c - d over these n clients; difference: first - second.
        low, high, p, least_p, effect, effect_low, effect_high, detectable: as `compare_arms` returns them. The test
        flips the signs of the clients' differences of differences, which are symmetric around 0 without an interaction.
    """
    values = scores[list(cells)].dropna().to_numpy(float)
    counted: dict[str, float] = {"n": len(values), "missing": len(scores) - len(values)}
    if not len(values):
        return counted
    first, second = values[:, 0] - values[:, 1], values[:, 2] - values[:, 3]
    means = {"first": float(first.mean()), "second": float(second.mean())}
    return counted | means | _tested(first - second, 2 * (bounds[1] - bounds[0]), seed, resamples, level)


def _tested(differences: Array, widest: float, seed: int, resamples: int, level: float) -> dict[str, float]:
    """The mean of differences [clients] with its interval, test, effect size and power; none exceeds ± `widest`."""
    n = len(differences)
    (low,), (high,) = mean_interval(differences[:, None], seed, resamples, level, (-widest, widest))
    detectable = detectable_difference(n, differences.std(ddof=1) if n > 1 else np.nan, level=level)
    least = least_p(n, resamples)
    is_impossible = detectable > widest or (least >= 1 - level and not np.isnan(detectable))
    return {
        "difference": differences.mean(),
        "low": low,
        "high": high,
        "p": sign_flip_test(differences[:, None], seed, resamples)[0],
        "least_p": least,
        "effect": effect_size(differences),
        "effect_low": low * _effect_per_unit(differences),
        "effect_high": high * _effect_per_unit(differences),
        "detectable": np.inf if is_impossible else detectable,
    }


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
    seen = np.abs(differences.sum(0))
    swapped = np.abs(np.concatenate([part @ differences for part in parts(flips)]))
    extreme = (swapped >= seen - SAME * np.abs(differences).sum(0)).sum(0)
    return extreme / len(flips) if 2**n <= resamples else (extreme + 1) / (len(flips) + 1)


def least_p(n: int, resamples: int = RESAMPLES) -> float:
    """Returns the least p that `sign_flip_test` can give n clients: that of clients who all differ in one direction.

    Of all 2^n swaps, the observed one and its mirror image are as extreme; of random ones, it may be the observed one
    alone.
    """
    if n < 2:
        return 1.0
    return 2.0 ** (1 - n) if 2**n <= resamples else 1 / (resamples + 1)


def clients_for_significance(comparisons: int, resamples: int = RESAMPLES, level: float = LEVEL) -> int | None:
    """Returns the least number of clients with whom the smallest of some p can be significant after Holm's correction.

    Args:
        comparisons: that p is corrected for.
        resamples: of the test.
        level: p is significant below 1 - `level`.

    Returns:
        None where no number of clients suffices, because `resamples` are too few.
    """
    most = resamples.bit_length() + 1  # with as many, swaps are drawn, and p does not fall further
    return next((n for n in range(2, most + 1) if comparisons * least_p(n, resamples) < 1 - level), None)


@lru_cache(maxsize=4)
def _flips(n: int, resamples: int, seed: int) -> Draws:
    """Signs ±1 [swaps, clients]."""
    if 2**n <= resamples:
        return np.array(list(product((1, -1), repeat=n)), np.int8)
    chance = np.random.default_rng([seed, n, 1])
    return draw_parts(resamples, n, lambda rows: chance.choice([1, -1], (rows, n)).astype(np.int8))


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


def power_of(n: int, effect: float, level: float = LEVEL) -> float:
    """Computes the probability that the paired permutation test finds a true difference, in its direction.

    By the noncentral t distribution, as `detectable_difference`; `python -m tests.simulate_statistics` compares it with
    simulated studies.

    Args:
        n: clients.
        effect: the true difference in standard deviations of the paired differences (Cohen's d_z).
        level: p is significant below 1 - `level`.

    Returns:
        From 0 to 1; 0 where not even n clients who all differ in one direction are significant.
    """
    if n < 2 or 2.0 ** (1 - n) >= 1 - level:
        return 0.0
    from scipy import stats  # slow to import

    critical = stats.t.ppf((1 + level) / 2, n - 1)
    return float(stats.nct.sf(critical, n - 1, abs(effect) * np.sqrt(n)))


def clients_needed(effect: float, power: float = POWER, level: float = LEVEL) -> int:
    """Computes the smallest number of clients at which `power_of` is at least `power`; `effect` is not 0."""
    enough = 2
    while power_of(enough, effect, level) < power:
        enough *= 2
    few = enough // 2
    while enough - few > 1:
        middle = (few + enough) // 2
        few, enough = (few, middle) if power_of(middle, effect, level) >= power else (middle, enough)
    return enough


@lru_cache(maxsize=256)
def _noncentrality(freedom: int, power: float, level: float) -> float:
    from scipy import optimize, stats  # slow to import

    critical = stats.t.ppf((1 + level) / 2, freedom)

    def lacking(shift: float) -> float:
        return stats.nct.sf(critical, freedom, shift) - power

    return optimize.brentq(lacking, 0, 30)
