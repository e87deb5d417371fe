import numpy as np
import pandas as pd
import pytest

from mirror.statistics import sign_flip_test
from tests.simulate_statistics import NOISE, coverage, faults, findings, simulate

# Simulated studies, the fast form of `python -m tests.simulate_statistics` --------------------------------------------


@pytest.mark.slow
def test_intervals_cover_and_the_test_holds_its_level():
    table = simulate(studies=2000, resamples=999, clients=(20,))
    assert len(table) == len(NOISE)
    assert faults(table, 2000) == []
    assert table["power"].dropna().between(77, 83).all()


@pytest.mark.slow
def test_a_percentile_interval_would_be_found_out():
    def percentile(values, seed, resamples):
        n = len(values)
        weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples) / n
        return np.quantile(weights @ values, [0.025, 0.975], axis=0)

    table = pd.DataFrame(
        [{"scores": kind, "clients": 20, "coverage": coverage(kind, 20, 2000, 999, percentile)} for kind in NOISE]
    )
    assert len(faults(table.assign(**{"false alarms": 0.0}), 2000)) >= 3


def test_a_test_that_counts_one_side_only_would_be_found_out():
    def one_sided(values, seed, resamples):
        return sign_flip_test(values, seed, resamples) / 2

    assert findings("normal", 20, 1000, 999, 0.0, one_sided) > 8
