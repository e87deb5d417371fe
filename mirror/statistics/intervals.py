"""Means and shares with their intervals.

`scipy.stats` is imported where it is used: it takes a second, and most commands that read ratings compute nothing.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 10_000
LEVEL = 0.95
PART = 16_000_000  # numbers of a matrix that are computed with at a time
Array = NDArray[np.float64]
Draws = NDArray[np.integer[Any]]
Bounds = tuple[float, float]  # the lowest and the highest possible value of a score
UNBOUNDED: Bounds = (-np.inf, np.inf)
THIN = 0.1  # a resample with a smaller part of the sample's spread says nothing of it
SAME = 1e-9  # values whose relative difference is smaller differ by rounding only


class Estimate(NamedTuple):
    """A mean or a share with its interval; NaN where it cannot be estimated.

    Attributes:
        mean: the mean of the values, or the share of successes.
        low, high: the ends of the interval; NaN for one value, and where no value differs from another.
        n: the number of values.
        missing: the number of missing values.
    """

    mean: float
    low: float
    high: float
    n: int
    missing: int


def estimate(
    values: ArrayLike, seed: int, resamples: int = RESAMPLES, level: float = LEVEL, bounds: Bounds = UNBOUNDED
) -> Estimate:
    """Estimates the mean of an arm with its bootstrap interval.

    Args:
        values: one per client [clients]; NaN where it is missing.
        seed, resamples, level, bounds: see `mean_interval`.
    """
    given = np.asarray(values, float)
    there = given[~np.isnan(given)]
    if not len(there):
        return Estimate(np.nan, np.nan, np.nan, 0, len(given))
    low, high = mean_interval(there[:, None], seed, resamples, level, bounds)
    return Estimate(float(there.mean()), float(low[0]), float(high[0]), len(there), len(given) - len(there))


def proportion(successes: int, n: int, missing: int = 0, level: float = LEVEL) -> Estimate:
    """Estimates a share of binary outcomes with Wilson's score interval (Wilson 1927, JASA 22:209).

    Args:
        successes: at most `n`.
        n: the number of outcomes.
        missing: the number of missing outcomes, for the record only.
        level: of the interval, from 0 to 1.
    """
    if not n:
        return Estimate(np.nan, np.nan, np.nan, 0, missing)
    from scipy import stats

    found = stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    return Estimate(successes / n, float(found.low), float(found.high), n, missing)


def mean_interval(
    values: Array, seed: int, resamples: int = RESAMPLES, level: float = LEVEL, bounds: Bounds = UNBOUNDED
) -> tuple[Array, Array]:
    """Computes the bootstrap interval for the mean of each column.

    The symmetric studentized bootstrap (Hall 1988, JRSS B 50:35): the mean ± the `level` quantile of |t*| in standard
    errors. It keeps its coverage at 20 to 40 clients for skewed differences, where percentile and BCa intervals are too
    narrow (`python -m tests.simulate_statistics`); for the mean of one arm with a long tail, coverage is still too low.
    Student's quantile is its lower bound, and replaces it if more than 1 - `level` of the resamples have hardly any
    spread (`THIN`): with fewer than about 5 clients, and where one client differs from others that are nearly equal.
    Such a resample lacks the client who makes the spread, and its t* would stretch the interval a hundredfold and
    cover hardly more (`python -m tests.simulate_statistics --few`).

    The ends are truncated to `bounds`. All values and the true mean lie within them, so the coverage stays the same.
    The interval always contains the mean, and does not depend on the order of the clients.

    Args:
        values: [clients, columns], none missing.
        seed: of the resamples; columns with the same number of clients share them.
        resamples: their number.
        level: of the interval, from 0 to 1.
        bounds: the lowest and the highest possible value.

    Returns:
        The low and the high ends [columns]; NaN for one client, and where no value differs from another.
    """
    values = np.sort(values, axis=0)
    n, columns = values.shape
    if n < 2:
        return np.full(columns, np.nan), np.full(columns, np.nan)
    from scipy import stats

    mean, deviation = values.mean(0), values.std(0, ddof=1)
    error = np.where(deviation > SAME * np.abs(values).max(0), deviation, np.nan) / np.sqrt(n)
    centered = values - mean
    both = np.concatenate([_resampled(weights, centered) for weights in resample_weights(n, resamples, seed)], axis=1)
    moved, moved_square = both
    spread = np.sqrt(np.maximum(moved_square - moved**2, 0) / (n - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(spread > THIN * error, np.abs(moved) / spread, np.inf)
    quantile = np.quantile(t, level, axis=0, method="inverted_cdf")
    student = stats.t.ppf((1 + level) / 2, n - 1)
    reach = np.where(np.isfinite(quantile), np.maximum(quantile, student), student) * error
    lowest, highest = np.minimum(bounds[0], mean), np.maximum(bounds[1], mean)
    return np.maximum(mean - reach, lowest), np.minimum(mean + reach, highest)


def _resampled(weights: Array, centered: Array) -> Array:
    """The means of values and of their squares in some resamples [2, resamples, columns]."""
    return np.stack([weights @ centered, weights @ centered**2])


def resample_weights(n: int, resamples: int, seed: int) -> Iterator[Array]:
    """Yields the share of the draws that each client has in each resample, in parts [resamples of the part, clients].

    A part has at most `PART` numbers, so that a study of many clients fits into memory.
    """
    return (part / n for part in parts(_resamples(n, resamples, seed)))


def parts(small: Draws) -> Iterator[Array]:
    """Yields some rows after others of a matrix of small integers as floats, at most `PART` numbers at a time."""
    rows = max(PART // small.shape[1], 1)
    return (small[start : start + rows].astype(float) for start in range(0, len(small), rows))


def draw_parts(resamples: int, n: int, draw: Callable[[int], Draws]) -> Draws:
    """Draws rows [resamples, clients] in parts, as one draw of all would.

    Args:
        resamples: the number of rows.
        n: the number of columns.
        draw: draws a number of further rows.
    """
    rows = max(PART // n, 1)
    return np.concatenate([draw(min(rows, resamples - start)) for start in range(0, resamples, rows)])


@lru_cache(maxsize=4)  # the measures of a study share the number of clients
def _resamples(n: int, resamples: int, seed: int) -> Draws:
    """How often each client is drawn in each resample [resamples, clients], a byte each where that suffices."""
    chance, equal = np.random.default_rng([seed, n]), np.full(n, 1 / n)

    def draw(rows: int) -> Draws:
        drawn = chance.multinomial(n, equal, rows)
        return drawn.astype(np.min_scalar_type(drawn.max()))

    return draw_parts(resamples, n, draw)
