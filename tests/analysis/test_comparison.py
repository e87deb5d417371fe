"""Arms in numbers: the right pairs in the right direction, corrected together, ends that are possible."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mirror.analysis.comparison import ArmRow, ComparisonRow, arm_order, by_arm, compare, compare_halves, read_rows
from mirror.analysis.measures import DESCRIPTIVE, Measure
from mirror.statistics import adjust
from mirror.transcripts.arm import Arm
from tests.parameters import analyse_settings

UP, DOWN = Measure("up", "an up", "share", "higher"), Measure("down", "a down", "share", "lower")


class Scores:
    """Arms whose clients have known scores."""

    def __init__(self, names, scores):
        settings = {"cot": "ec", "checkpoint": "x"}
        self.arms = [Arm(Path(f"results/run-{name}"), settings, {}, alias=name) for name in names]
        self._scores = scores

    def scores(self, measure):
        return self._scores[measure.key].copy()


@pytest.fixture
def study():
    chance = np.random.default_rng(0)
    low = chance.uniform(0.2, 0.4, 20)
    scores = pd.DataFrame({"a": low, "b": low + 0.3 + chance.normal(0, 0.05, 20), "c": low}, index=map(str, range(20)))
    scores.loc["3", "c"] = np.nan
    return Scores(["a", "b", "c"], {"up": scores, "down": scores})


def test_every_pair_in_every_measure_later_arms_against_earlier_ones(study):
    table = compare(study, [UP, DOWN], analyse_settings())
    assert list(zip(table.arm, table.other, table.measure, strict=True)) == [
        (arm, other, key) for arm, other in (("c", "b"), ("c", "a"), ("b", "a")) for key in ("up", "down")
    ]
    assert table.p_adjusted.tolist() == adjust(table.p, "holm").tolist()
    assert table.n.tolist() == [19] * 4 + [20] * 2 and table.missing.tolist() == [1] * 4 + [0] * 2


def test_better_follows_the_direction_of_the_measure(study):
    table = compare(study, [UP, DOWN], analyse_settings()).set_index(["arm", "other", "measure"])
    up, down = table.loc[("b", "a", "up")], table.loc[("b", "a", "down")]
    assert up.is_significant and up.is_better and up.effect_low > 0
    assert down.is_significant and not down.is_better and down.effect_low > 0
    assert up.effect_low < up.effect < up.effect_high and up.effect == pytest.approx(down.effect)
    same = table.loc[("c", "a", "up")]
    assert same.difference == 0 and np.isnan(same.effect) and not same.is_significant


def test_a_reference_leaves_its_own_pairs_only(study):
    table = compare(study, [UP], analyse_settings(runs="results/run-a,results/run-b,results/run-c", reference="run-b"))
    assert list(zip(table.arm, table.other, strict=True)) == [("c", "b"), ("a", "b")]
    assert arm_order(study.arms, "run-b") == ["c", "a", "b"] and arm_order(study.arms, "") == ["c", "b", "a"]


def test_one_arm_is_compared_with_none(study):
    study.arms = study.arms[:1]
    assert compare(study, [UP], analyse_settings()).empty


def test_intervals_end_where_a_measure_ends():
    few = Scores(["a", "b"], {"up": pd.DataFrame({"a": [0.0, 0.1, 1.0], "b": [1.0, 0.8, 0.1]})})
    table, points = by_arm(few, [UP], analyse_settings())
    assert table.low.tolist() == [0, 0] and table.high.tolist() == [1, 1] and len(points) == 6
    compared = compare(few, [UP], analyse_settings())
    assert (compared.low[0], compared.high[0]) == (-1, 1)


def test_few_clients_cannot_show_a_difference_after_the_correction():
    """Of 6 clients who all differ alike p is 2/2^6; six comparisons make 0.1875 of it, and 8 clients would do."""
    one = pd.DataFrame(
        {"a": [0.1, 0.2, 0.1, 0.3, 0.2, 0.1], "b": [0.9, 0.8, 0.7, 0.9, 0.6, 0.8]}, index=map(str, range(6))
    )
    measures = [Measure(name, name, "share", "higher") for name in "uvwxyz"]
    table = compare(Scores(["a", "b"], dict.fromkeys("uvwxyz", one)), measures, analyse_settings())
    assert table.p_adjusted.tolist() == table.least_p.tolist() == [0.1875] * 6
    assert table.detectable.tolist() == [np.inf] * 6 and set(table.needed) == {8}
    alone = compare(Scores(["a", "b"], {"u": one}), measures[:1], analyse_settings())
    assert alone.is_significant.tolist() == [True] and alone.detectable[0] < 1


def test_times_of_sessions_that_run_together_have_no_interval(study):
    seconds = Measure("up", "seconds", "number", is_sample=False)
    table, _ = by_arm(study, [UP, seconds], analyse_settings())
    assert table.loc[table.measure == "seconds", ["low", "high"]].isna().all(axis=None)
    means = table.pivot(index="arm", columns="measure", values="mean")
    assert means["seconds"].tolist() == means["an up"].tolist()
    assert {one.key for one in DESCRIPTIVE if not one.is_sample} == {
        one.key for one in DESCRIPTIVE if one.key.startswith("seconds")
    }


def test_halves_are_compared_within_each_arm():
    chance = np.random.default_rng(1)
    early = chance.uniform(0.4, 0.6, 30)
    falling = pd.DataFrame({"early": early, "late": early - 0.2 + chance.normal(0, 0.05, 30)})
    still = pd.DataFrame({"early": early, "late": early + chance.normal(0, 0.05, 30)})
    first, second = compare_halves({"a": falling, "b": still}, "share", analyse_settings())
    assert (first.arm, second.arm) == ("a", "b") and first.difference == pytest.approx(-0.2, abs=0.03)
    assert first.p_adjusted < 0.01 < 0.05 < second.p_adjusted


def test_tables_are_read_back_as_rows(study):
    table, _ = by_arm(study, [UP], analyse_settings())
    rows = read_rows(table, ArmRow)
    assert [(row.arm, row.variant, row.n, row.missing) for row in rows] == [
        ("a", "ec", 20, 0),
        ("b", "ec", 20, 0),
        ("c", "ec", 19, 1),
    ]
    compared = read_rows(compare(study, [UP], analyse_settings()), ComparisonRow)
    assert [(row.arm, row.other, row.is_better) for row in compared] == [
        ("c", "b", False),
        ("c", "a", True),
        ("b", "a", True),
    ]
    assert read_rows(pd.DataFrame(), ArmRow) == []
