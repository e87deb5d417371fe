import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mirror.statistics import (
    adjust,
    agreement,
    compare_arms,
    detectable_difference,
    effect_size,
    estimate,
    krippendorff_alpha,
    mean_interval,
    proportion,
    sign_flip_test,
)
from tests.simulate_statistics import NOISE, coverage, differences, faults, findings, simulate

NAN = np.nan
# Krippendorff 2011, Computing Krippendorff's Alpha-Reliability, part C and D: four observers, twelve units.
OBSERVERS = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
    [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
]


# Simulated studies, the fast form of `python -m tests.simulate_statistics` --------------------------------------------


@pytest.mark.slow
def test_intervals_cover_and_the_test_holds_its_level():
    table = simulate(studies=2000, resamples=999, clients=(20,))
    assert len(table) == len(NOISE)
    assert faults(table, 2000) == []
    assert table["power"].dropna().between(77, 83).all()


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


# One arm --------------------------------------------------------------------------------------------------------------


def test_an_estimate_counts_what_is_missing():
    found = estimate([1, 2, NAN, 3, 4, 5, NAN], seed=0)
    assert (found.mean, found.n, found.missing) == (3, 5, 2)
    assert found.low < 3 < found.high
    assert found.mean - found.low == pytest.approx(found.high - found.mean)


def test_an_estimate_is_the_same_for_a_seed_and_hardly_another_for_another():
    values = np.random.default_rng(0).normal(size=30) ** 3
    assert estimate(values, 1) == estimate(values, 1) != estimate(values, 2)
    assert estimate(values, 1).low == pytest.approx(estimate(values, 2).low, abs=0.1)


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


# Two arms -------------------------------------------------------------------------------------------------------------


def scores(clients=24, effect=1.0, seed=0):
    random = np.random.default_rng(seed)
    level = random.normal(size=clients)
    arms = {"a": level + effect, "b": level, "c": level}
    noisy = {name: values + 0.5 * random.normal(size=clients) for name, values in arms.items()}
    return pd.DataFrame(noisy, index=pd.Index(range(clients), name="idx"))


def test_every_pair_of_arms_is_compared_on_the_clients_both_have():
    table = scores()
    table.loc[[0, 1], "a"] = NAN
    table.loc[[1, 2], "b"] = NAN
    found = compare_arms(table, seed=0).set_index(["arm", "other"])
    assert list(found.index) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["n"].tolist() == [21, 22, 22] and found["missing"].tolist() == [3, 2, 2]
    both = table[["a", "b"]].dropna()
    row = found.loc[("a", "b")]
    assert (row["mean"], row["other_mean"]) == (both["a"].mean(), both["b"].mean())
    assert row["difference"] == pytest.approx(both["a"].mean() - both["b"].mean())
    assert row["low"] < row["difference"] < row["high"]
    assert row["p"] < 0.001 < 0.05 < found.loc[("b", "c"), "p"]
    assert row["effect"] > 1 and row["detectable"] < row["difference"]


def test_pairs_without_clients_stay_in_the_table():
    table = pd.DataFrame({"a": [1.0, NAN], "b": [NAN, 2.0], "c": [NAN, NAN]})
    found = compare_arms(table, seed=0)
    assert found["n"].tolist() == [0, 0, 0] and found["missing"].tolist() == [2, 2, 2]
    assert found[["difference", "low", "p", "effect", "detectable"]].isna().all(axis=None)


def test_a_difference_is_no_larger_than_the_scale():
    table = pd.DataFrame({"a": [0.0, 0.1, 1.0], "b": [1.0, 0.8, 0.1]})
    free, row = compare_arms(table, 0).iloc[0], compare_arms(table, 0, bounds=(0, 1)).iloc[0]
    assert free["low"] < -1 and free["high"] > 1 and 1 < free["detectable"] < np.inf
    assert (row["low"], row["high"]) == (-1, 1) and row["detectable"] == np.inf
    assert row["effect_low"] == pytest.approx(row["effect"] / row["difference"] * row["low"])


def test_the_effect_and_its_interval_are_the_difference_in_other_units():
    row = compare_arms(scores(), 0).iloc[0]
    per_unit = row["effect"] / row["difference"]
    assert row["effect_low"] == pytest.approx(row["low"] * per_unit)
    assert row["effect_high"] == pytest.approx(row["high"] * per_unit)


def test_one_client_has_a_difference_and_nothing_more():
    row = compare_arms(pd.DataFrame({"a": [3.0], "b": [1.0]}), seed=0).iloc[0]
    assert row["difference"] == 2 and row["p"] == 1
    assert row[["low", "high", "effect", "detectable"]].isna().all()


@pytest.mark.parametrize("clients, resamples", [(8, 10_000), (30, 9_999)], ids=["exact", "drawn"])
def test_the_permutation_test_is_scipys(clients, resamples):
    random = np.random.default_rng(clients)
    one, other = np.round(random.normal(0.4, 1, (2, clients)), 0)  # with ties
    theirs = stats.permutation_test(
        (one, other),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        n_resamples=resamples,
        rng=np.random.default_rng(0),
    )
    mine = sign_flip_test((one - other)[:, None], 0, resamples)[0]
    assert mine == pytest.approx(theirs.pvalue, abs=1e-9 if clients == 8 else 0.03)


def test_arms_that_are_the_same_have_p_1():
    assert sign_flip_test(np.zeros((20, 1)), 0)[0] == 1


def test_rounding_does_not_break_ties():
    assert sign_flip_test(np.array([[0.1], [0.2], [0.3], [-0.6]]), 0)[0] == 1


def test_holm_corrects_for_all_comparisons():
    """Holm 1979 by hand: 0.01 × 4, 0.013 × 3 (no less than the one before), 0.03 × 2, 0.5."""
    assert adjust([0.013, 0.5, NAN, 0.01, 0.03]) == pytest.approx([0.04, 0.5, NAN, 0.04, 0.06], nan_ok=True)
    assert adjust([0.9, 0.8]) == pytest.approx([1, 1])
    assert adjust([]).size == 0


def test_benjamini_hochberg_is_scipys():
    assert adjust([0.01, NAN, 0.04, 0.03], "bh") == pytest.approx([0.03, NAN, 0.04, 0.04], nan_ok=True)


def test_the_effect_size_is_unbiased():
    """Over many studies the mean is the true 0.5; without Hedges' correction it would be 0.54 for ten clients."""
    drawn = np.random.default_rng(0).normal(0.5, 1, (10, 20_000))
    assert np.mean([effect_size(column) for column in drawn.T]) == pytest.approx(0.5, abs=0.01)
    assert np.mean(drawn.mean(0) / drawn.std(0, ddof=1)) > 0.53


def test_what_is_detectable_agrees_with_published_power_tables():
    """Cohen 1988: a paired t-test at .05 needs 34 pairs to see d_z = 0.5, and 15 to see 0.8, with a power of 80 %."""
    assert detectable_difference(34, 1) < 0.5 < detectable_difference(33, 1)
    assert detectable_difference(15, 1) < 0.8 < detectable_difference(14, 1)
    assert detectable_difference(40, 3) == pytest.approx(3 * detectable_difference(40, 1))
    assert all(np.isnan([detectable_difference(1, 1), detectable_difference(9, 0), detectable_difference(9, NAN)]))
    assert all(np.isfinite([detectable_difference(n, 1) for n in (2, 3, 6, 11, 50, 800, 10_000)]))


# Reliability ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level, published", [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_is_that_of_the_published_example(level, published):
    assert krippendorff_alpha(OBSERVERS, level) == pytest.approx(published, abs=5e-4)


def test_alpha_of_two_observers_is_that_of_the_published_example():
    """Part A of the same paper: binary data, two observers, no missing data."""
    one, other = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha([one, other], "nominal") == pytest.approx(0.095, abs=5e-4)


def test_alpha_knows_its_bounds():
    assert krippendorff_alpha([[1, 2, 3], [1, 2, 3]]) == 1
    assert krippendorff_alpha([[1, 2], [2, 1]], "nominal") < 0
    assert abs(krippendorff_alpha(np.random.default_rng(0).integers(0, 5, (3, 3000)))) < 0.03
    for nothing in ([[1, NAN], [NAN, 2]], [[3, 3], [3, 3]], [[NAN], [NAN]]):
        assert np.isnan(krippendorff_alpha(nothing))
    with pytest.raises(ValueError, match="found 'ratio'"):
        krippendorff_alpha(OBSERVERS, "ratio")


def test_agreement_counts_pairs():
    found = agreement([[1, 2, NAN, 0], [1, 3, 4, NAN], [1, 5, NAN, NAN]])
    assert (found.pairs, found.units) == (6, 2)
    assert (found.exact, found.within_one) == (3 / 6, 4 / 6)
    assert np.isnan(agreement([[1, 2]]).exact) and np.isnan(agreement([[NAN], [1]]).exact)


def test_intervals_of_many_measures_are_those_of_each():
    drawn = differences("normal", 20, 5, 0.0, np.random.default_rng(0))
    low, _ = mean_interval(drawn, 3, 500)
    assert low == pytest.approx([mean_interval(drawn[:, [column]], 3, 500)[0][0] for column in range(5)])
