"""Means and shares with their intervals, by published examples, by properties, and next to scipy's."""

import numpy as np
import pytest
from scipy import stats

from mirror.statistics import estimate, mean_interval, proportion, sign_flip_test
from tests.simulate_statistics import differences

NAN = np.nan


def test_an_estimate_counts_what_is_missing():
    found = estimate([1, 2, NAN, 3, 4, 5, NAN], seed=0)
    assert (found.mean, found.n, found.missing) == (3, 5, 2)
    assert found.low < 3 < found.high
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_an_estimate_is_the_same_for_a_seed_and_hardly_another_for_another():
    values = np.random.default_rng(0).normal(size=30) ** 3
    assert estimate(values, 1) == estimate(values, 1) != estimate(values, 2)
    assert estimate(values, 1).low == pytest.approx(estimate(values, 2).low, abs=0.1)


@pytest.mark.parametrize("n", [6, 12, 24])
def test_one_client_apart_from_others_nearly_equal_has_students_interval(n):
    """A third of the resamples lacks this client, and then has almost no spread."""
    values = np.r_[np.random.default_rng(n).normal(1, 1e-4, n - 1), 9.0]
    low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    found = estimate(values, 0)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize("values", [[], [NAN, NAN], [3.0], [2.0, 2.0, 2.0]], ids=str)
def test_nothing_is_made_up_where_nothing_can_be_said(values):
    found = estimate(values, 0)
    assert np.isnan(found.low) and np.isnan(found.high)
    assert found.n + found.missing == len(values)


def test_the_interval_is_never_narrower_than_students():
    for n in (2, 3, 5, 8):
        values = np.random.default_rng(n).normal(size=n)
        low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
        found = estimate(values, 0)
        assert found.low <= low + 1e-12 and found.high >= high - 1e-12


def test_a_proportion_has_wilsons_interval():
    """10 of 10: Newcombe 1998 (Stat. Med. 17:857) gives 81 of 263 as .2553 to .3662."""
    assert proportion(81, 263)[:3] == pytest.approx((81 / 263, 0.2553, 0.3662), abs=5e-5)
    assert proportion(10, 10).high == 1
    assert np.isnan(proportion(0, 0, missing=3).mean) and proportion(0, 0, missing=3).missing == 3


RARE = np.array([0.0] * 9 + [1.0])


def test_an_interval_ends_where_the_values_end():
    assert estimate(RARE, 0).low < 0
    found = estimate(RARE, 0, bounds=(0, 1))
    assert (found.low, found.mean) == (0, 0.1) and found.high == estimate(RARE, 0).high
    assert estimate([6.0, 6, 6, 5, 6], 0, bounds=(0, 6)).high == 6 < estimate([6.0, 6, 6, 5, 6], 0).high


def test_the_order_of_the_clients_changes_nothing():
    values = np.random.default_rng(5).normal(0.3, 1, (30, 1)) ** 3
    other = values[::-1]
    assert mean_interval(values, 0, 500) == mean_interval(other, 0, 500)
    assert sign_flip_test(values, 0, 500) == sign_flip_test(other, 0, 500)


def test_bounds_change_no_coverage():
    """Attempts at a face: at least 1, skewed. The truth is never below 1, so truncation loses no study."""
    random = np.random.default_rng(0)
    drawn = random.geometric(0.9, (8, 1000)).astype(float)
    truth = 1 / 0.9
    held = []
    for bounds in ((-np.inf, np.inf), (1, np.inf)):
        low, high = mean_interval(drawn, 0, 500, bounds=bounds)
        held.append((low <= truth) & (truth <= high))
    assert (mean_interval(drawn, 0, 500)[0] < 1).any() and not (low < 1).any()
    assert held[0].tolist() == held[1].tolist()


def test_an_interval_holds_its_mean_even_of_values_out_of_bounds():
    found = estimate([7.0, 8, 7, 9], 0, bounds=(0, 6))
    assert found.low <= found.mean <= found.high


def test_intervals_of_many_measures_are_those_of_each():
    drawn = differences("normal", 20, 5, 0.0, np.random.default_rng(0))
    low, _ = mean_interval(drawn, 3, 500)
    assert low == pytest.approx([mean_interval(drawn[:, [column]], 3, 500)[0][0] for column in range(5)])
