"""Simulates studies with known effects to check the coverage of the intervals and the level of the test.

    python -m tests.simulate_statistics --studies 2000

Two arms counsel the same clients. The scores of a study are drawn, compared and checked against the truth. Coverage is
the share of studies whose 95% interval contains the true difference; false alarms, the share with p <= 0.05 if the arms
do not differ; power, the share with p <= 0.05 at the difference that `detectable_difference` gives for 80% power.
With `--few`, the means of one arm of 6, 12 and 24 clients: coverage, and the length that one in a hundred intervals
exceeds, in that of Student's, with resamples of hardly any spread as infinite t (`THIN`) and without this rule.
"""

import argparse
import sys
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from mirror.statistics import UNBOUNDED, detectable_difference, intervals, mean_interval, sign_flip_test

CHUNK = 250  # studies at a time, which limits the memory for [resamples, studies] numbers
CLIENTS = (20, 30, 40)
OFF = 1.5  # percentage points, the largest deviation from 95% coverage
ALPHA = 0.05
NOISE = {  # scores of one arm [...] from the client's level and the arm's noise, both standard normal, and the effect
    "normal": lambda client, noise, effect: client + noise + effect,
    "skewed": lambda client, noise, effect: np.exp(0.5 * client + 0.7 * noise + effect),
    "rating 0-6": lambda client, noise, effect: np.clip(np.round(3.2 + client + noise + effect), 0, 6),
    "ceiling 0-6": lambda client, noise, effect: np.clip(np.round(5 + 0.7 * client + 0.7 * noise + effect), 0, 6),
    "yes or no": lambda client, noise, effect: (0.8 * client + noise + effect > 0.3).astype(float),
}
BOUNDS = {"rating 0-6": (-6, 6), "ceiling 0-6": (-6, 6), "yes or no": (-1, 1)}  # of the differences of two arms
EFFECT = 0.4


def differences(kind: str, clients: int, studies: int, effect: float, random: np.random.Generator) -> np.ndarray:
    """Draws the differences of two arms [clients, studies]."""
    level, one, other = random.normal(size=(3, clients, studies))
    return NOISE[kind](level, one, effect) - NOISE[kind](level, other, 0.0)


def coverage(kind: str, clients: int, studies: int, resamples: int, interval=None, seed: int = 0) -> float:
    """Returns the share of studies whose interval contains the true difference, in percent.

    Args:
        interval: the method to check; None: `mean_interval` with the bounds of the scores.
    """
    interval = interval or partial(mean_interval, bounds=BOUNDS.get(kind, UNBOUNDED))
    random = np.random.default_rng([seed, clients, list(NOISE).index(kind)])
    truth = differences(kind, 4_000_000, 1, EFFECT, random).mean()
    held = 0
    for start in range(0, studies, CHUNK):
        drawn = differences(kind, clients, min(CHUNK, studies - start), EFFECT, random)
        low, high = interval(drawn, start, resamples)
        held += ((low <= truth) & (truth <= high)).sum()
    return 100 * held / studies


def findings(kind: str, clients: int, studies: int, resamples: int, effect: float, test=sign_flip_test) -> float:
    """Returns the share of studies with p <= 0.05, in percent."""
    random = np.random.default_rng([1, clients, list(NOISE).index(kind)])
    found = 0
    for start in range(0, studies, CHUNK):
        drawn = differences(kind, clients, min(CHUNK, studies - start), effect, random)
        found += (test(drawn, start, resamples) <= ALPHA).sum()
    return 100 * found / studies


def simulate(studies: int, resamples: int, clients: tuple[int, ...] = CLIENTS) -> pd.DataFrame:
    """Returns one row per kind of score and number of clients, in percent of the studies."""
    rows = []
    for kind in NOISE:
        for n in clients:
            row = {"scores": kind, "clients": n, "coverage": coverage(kind, n, studies, resamples)}
            row["false alarms"] = findings(kind, n, studies, resamples, 0.0)
            if kind == "normal":
                row["power"] = findings(kind, n, studies, resamples, detectable_difference(n, np.sqrt(2)))
            rows.append(row)
    return pd.DataFrame(rows)


FEW = {  # values of one arm [clients, studies], and their true mean
    "normal": (lambda random, size: random.normal(size=size), 0.0),
    "one outlier": (lambda random, size: _outlier(random, size), 5 / 12),
    "mostly equal": (lambda random, size: _mostly_equal(random, size), 0.25),
    "share of 0.5": (lambda random, size: (random.random(size) < 0.5).astype(float), 0.5),
    "share of 0.15": (lambda random, size: (random.random(size) < 0.15).astype(float), 0.15),
}


def _outlier(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return random.normal(0, 0.01, size) + (random.random(size) < 1 / 12) * random.normal(5, 1, size)


def _mostly_equal(random: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    return np.where(random.random(size) < 0.25, random.normal(1, 0.3, size), random.normal(0, 0.001, size))


def few(studies: int, resamples: int, thin: float) -> pd.DataFrame:
    """Coverage in percent, and the 99% quantile of lengths in those of Student's interval, with `THIN` as given."""
    rows, known = [], intervals.THIN
    intervals.THIN = thin
    try:
        for kind, (draw, truth) in FEW.items():
            for n in (6, 12, 24):
                drawn = draw(np.random.default_rng([n, list(FEW).index(kind)]), (n, studies))
                low, high = mean_interval(drawn, 0, resamples)
                student = 2 * stats.t.ppf(0.975, n - 1) * drawn.std(0, ddof=1) / np.sqrt(n)
                there = ~np.isnan(low)
                covered = 100 * ((low <= truth) & (truth <= high))[there].mean()
                longest = np.quantile((high - low)[there] / student[there], 0.99)
                rows.append({"values": kind, "clients": n, "thin": thin, "coverage": covered, "longest": longest})
    finally:
        intervals.THIN = known
    return pd.DataFrame(rows)


def faults(table: pd.DataFrame, studies: int) -> list[str]:
    """Lists rows with wrong coverage, or with a level exceeded by more than three standard errors."""
    highest = 100 * (ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / studies))
    off = table[(table["coverage"] - 95).abs() > OFF]
    found = [f"{row.scores}, {row.clients} clients: covers {row.coverage:.1f}%" for row in off.itertuples()]
    alarms = table[table["false alarms"] > highest]
    return found + [f"{row.scores}, {row.clients} clients: too many false alarms" for row in alarms.itertuples()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulate_statistics", description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--resamples", type=int, default=4000)
    parser.add_argument("--few", action="store_true", help="only the intervals of few clients")
    given = parser.parse_args()
    if given.few:
        tables = [few(given.studies, given.resamples, thin) for thin in (1e-6, intervals.THIN)]
        print(pd.concat(tables).round(1).to_string(index=False))
        return
    table = simulate(given.studies, given.resamples)
    print(table.round(1).to_string(index=False, na_rep=""))
    if off := faults(table, given.studies):
        sys.exit("\n".join(off))
    print(f"{given.studies} studies per row: all intervals cover 95% ± {OFF} points, the test keeps its level of 5%")


if __name__ == "__main__":
    main()
