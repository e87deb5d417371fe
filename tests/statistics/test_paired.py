"""Two arms on the same clients: next to scipy, by hand, and by published power tables."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mirror.statistics import (
    adjust,
    clients_for_significance,
    clients_needed,
    compare_arms,
    compare_differences,
    detectable_difference,
    effect_size,
    intervals,
    least_p,
    paired,
    power_of,
    sign_flip_test,
)

NAN = np.nan


def scores(clients=24, effect=1.0, seed=0):
    random = np.random.default_rng(seed)
    level = random.normal(size=clients)
    arms = {"a": level + effect, "b": level, "c": level}
    noisy = {name: values + 0.5 * random.normal(size=clients) for name, values in arms.items()}
    return pd.DataFrame(noisy, index=pd.Index(range(clients), name="idx"))


def test_a_study_that_is_computed_in_parts_has_the_same_numbers(monkeypatch):
    whole = compare_arms(scores(clients=30), seed=3, resamples=500)
    for cached in (intervals._resamples, paired._flips):
        cached.cache_clear()
    monkeypatch.setattr(intervals, "PART", 70)  # two of the 500 resamples at a time
    pd.testing.assert_frame_equal(compare_arms(scores(clients=30), seed=3, resamples=500), whole, rtol=1e-12)


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
    assert free["low"] < -1 and free["high"] > 1
    assert (row["low"], row["high"]) == (-1, 1)
    six = pd.concat([table] * 2, ignore_index=True)
    wide = {"level": 0.96, "seed": 0}
    assert 1 < compare_arms(six, **wide).iloc[0]["detectable"] < np.inf
    assert compare_arms(six, **wide, bounds=(0, 1)).iloc[0]["detectable"] == np.inf
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


@pytest.mark.parametrize("n, resamples", [(2, 100), (6, 100), (6, 10), (20, 999)])
def test_the_least_p_is_that_of_clients_who_all_differ_alike(n, resamples):
    least = least_p(n, resamples)
    found = sign_flip_test(np.ones((n, 1)) + np.arange(n)[:, None] / 7, 0, resamples)[0]
    assert found == least if 2**n <= resamples else found >= least
    assert least_p(1) == 1


@pytest.mark.parametrize("comparisons, level, needed", [(1, 0.95, 6), (6, 0.95, 8), (18, 0.95, 10), (6, 0.99, 11)])
def test_how_many_clients_can_be_significant_at_all(comparisons, level, needed):
    assert clients_for_significance(comparisons, level=level) == needed
    assert comparisons * 2.0 ** (1 - needed) < 1 - level <= comparisons * 2.0 ** (2 - needed)
    assert clients_for_significance(comparisons, resamples=20 * comparisons - 1, level=0.9999) is None


def test_a_difference_that_so_few_clients_cannot_show_is_not_detectable():
    table = pd.DataFrame({"a": [3.0, 4, 3, 5, 6], "b": [1.0, 1.5, 1, 2, 2]})
    assert compare_arms(table, 0).detectable[0] == np.inf  # p is at least 2/2^5
    assert compare_arms(table, 0, level=0.9).detectable[0] < np.inf


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


def test_power_agrees_with_published_tables():
    assert power_of(34, 0.5) == pytest.approx(0.808, abs=0.001)  # G*Power 3.1, paired t, two-sided, 5%
    assert power_of(15, 0.8) == pytest.approx(0.821, abs=0.001)
    assert power_of(24, -0.5) == power_of(24, 0.5)


def test_power_is_that_of_what_is_detectable():
    size = detectable_difference(24, 2.0)
    assert power_of(24, size / 2.0) == pytest.approx(0.8)


@pytest.mark.parametrize(("clients", "level"), [(1, 0.95), (5, 0.95), (6, 0.975)])
def test_too_few_clients_for_any_significance_have_no_power(clients, level):
    assert power_of(clients, 3.0, level) == 0.0
    everyone = np.ones((max(clients, 1), 1)) + np.arange(clients)[:, None]
    assert sign_flip_test(everyone, 1)[0] >= 1 - level


@pytest.mark.parametrize("effect", [0.2, 0.5, 1.5])
def test_the_clients_needed_are_the_fewest(effect):
    n = clients_needed(effect)
    assert power_of(n, effect) >= 0.8 > power_of(n - 1, effect)


def test_an_interaction_is_the_comparison_of_two_differences():
    random = np.random.default_rng(3)
    scores = pd.DataFrame(random.uniform(0, 1, (15, 4)), columns=list("abcd"))
    scores.loc[2, "d"] = np.nan
    found = compare_differences(scores, ("a", "b", "c", "d"), 1, 500, bounds=(0, 1))
    both = pd.DataFrame({"first": scores["a"] - scores["b"], "second": scores["c"] - scores["d"]})
    same = compare_arms(both, 1, 500, bounds=(-1, 1)).iloc[0]
    assert (found["n"], found["missing"]) == (14, 1)
    for name in ("difference", "low", "high", "p", "effect", "effect_low", "effect_high", "detectable"):
        assert found[name] == pytest.approx(same[name]), name


def test_an_interaction_without_clients_counts_them_as_missing():
    scores = pd.DataFrame({name: [np.nan] for name in "abcd"})
    assert compare_differences(scores, ("a", "b", "c", "d"), 1) == {"n": 0, "missing": 1}
