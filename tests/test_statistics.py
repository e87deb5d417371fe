import numpy as np
import pandas as pd
import pytest

from mirror.statistics import sign_flip_test
from tests import simulated_studies as studies
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


# Whole studies, the fast form of `python -m tests.simulated_studies` --------------------------------------------------


@pytest.mark.slow
def test_power_interactions_and_ratings_are_as_claimed():
    powers = pd.DataFrame(
        [(24, 0.5, alpha, *studies.power(24, 0.5, alpha, 1000, 999)) for alpha in (studies.ALPHA, studies.STRICT)],
        columns=["clients", "effect", "level", "simulated", "claimed"],
    )
    crossed = pd.DataFrame([studies.recovered(12, size, 100, 300) for size in (0.0, 0.6)])
    assert studies.faults(powers, crossed, studies.ratings_summary(24, 0.6, 15), 100) == []


def test_a_power_that_is_claimed_too_high_would_be_found_out():
    powers = pd.DataFrame([(24, 0.5, 0.05, 65.0, 80.0)], columns=["clients", "effect", "level", "simulated", "claimed"])
    crossed = pd.DataFrame(
        [{"clients": 24, "interaction": 0.0, "coverage": 80.0, "significant": 5.0, "claimed": np.nan}]
    )
    rated = pd.DataFrame([{"rater": "humans", "coverage": 95.0, "significant": 50.0, "claimed": 50.0, "icc": 0.9}])
    rated["icc_mean"] = studies.true_agreement()["icc_mean"]
    found = studies.faults(powers, crossed, rated, 1000)
    assert len(found) == 3 and "power 65.0%" in found[0] and "covers 80.0%" in found[1] and "icc is 0.900" in found[2]
