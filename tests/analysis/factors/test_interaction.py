"""Interactions: the difference of paired differences of the same clients, with its interval, p and words."""

import numpy as np
import pandas as pd
import pytest

from mirror.analysis.factors.interaction import (
    NONE_CROSSED,
    InteractionRow,
    interaction_finding,
    interactions,
    sentence,
)
from mirror.analysis.measures import Measure
from tests.registered_studies import settings, study, write_arms


class Scores:
    """The arms of a study, with scores of one's own."""

    def __init__(self, arms, table):
        self.arms, self.table = arms, table

    def scores(self, measure):
        return self.table


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    return study(write_arms(tmp_path_factory.mktemp("written"), clients=[str(number) for number in range(12)])).arms


MEASURE = Measure("m", "warmth", "number", "higher")


def table_of(arms, effect, missing=()):
    random = np.random.default_rng(1)
    level = random.normal(0, 3, 12)  # a client's own level cancels out
    means = {"base": 0, "ec": 1, "base-swapped": -1, "ec-swapped": -effect}
    table = pd.DataFrame({arm.name: level + means[arm.name] + random.normal(0, 0.2, 12) for arm in arms})
    for place, name in missing:
        table.loc[place, name] = np.nan
    return table


def test_an_interaction_is_estimated_over_clients_with_all_four_scores(arms):
    given = table_of(arms, effect=2, missing=[(0, "ec"), (1, "base")])
    row = interactions(Scores(arms, given), [MEASURE], settings()).iloc[0]
    whole = given.dropna()
    first, second = whole["ec-swapped"] - whole["ec"], whole["base-swapped"] - whole["base"]
    assert (row["n"], row["missing"]) == (10, 2)
    assert row["first"] == pytest.approx(first.mean()) and row["second"] == pytest.approx(second.mean())
    assert row["difference"] == pytest.approx((first - second).mean()) == pytest.approx(-2, abs=0.2)
    assert row["low"] < row["difference"] < row["high"] < 0 and row["is_significant"]


def test_two_main_effects_are_no_interaction(arms):
    row = interactions(Scores(arms, table_of(arms, effect=0)), [MEASURE], settings()).iloc[0]
    assert row["first"] == pytest.approx(-1, abs=0.2) and not row["is_significant"] and row["low"] < 0 < row["high"]


def test_p_is_corrected_for_all_interactions(arms):
    alone = interactions(Scores(arms, table_of(arms, 2)), [MEASURE], settings())["p_adjusted"][0]
    five = interactions(Scores(arms, table_of(arms, 2)), [MEASURE] * 5, settings())["p_adjusted"][0]
    assert five == pytest.approx(5 * alone)


def test_too_few_clients_are_no_finding_of_no_interaction(arms):
    few = Scores(arms, table_of(arms, 2).head(6))
    finding = interaction_finding(few, [MEASURE] * 5, settings())
    assert "none could be.**" in finding.claim and finding.table["detectable"].tolist() == [np.inf] * 5
    assert "none could be" not in interaction_finding(few, [MEASURE], settings()).claim


def test_of_real_transcripts_in_words(tmp_path):
    found = study(write_arms(tmp_path))
    finding = interaction_finding(found, found.outcomes, settings())
    assert finding.claim.startswith(
        "**1 of 5 interactions is significant.**\n\n- Replies that name the feeling shown: "
    )
    assert "the effect of face (swapped instead of shown) is −" in finding.claim
    assert " with cot ec and 0 points with base (difference −" in finding.claim
    assert len(finding.table) == 5
    without = study([tmp_path / "m-base", tmp_path / "m-ec"])
    assert interaction_finding(without, without.outcomes, settings()).claim == NONE_CROSSED


def test_too_few_clients_are_said(arms):
    given = table_of(arms, 2, missing=[(place, "ec") for place in range(1, 12)])
    (row,) = interactions(Scores(arms, given), [MEASURE], settings()).itertuples(index=False)
    told = sentence(InteractionRow(*row), 0.95)
    assert told.endswith("cannot be compared between cots; only 1 client has a value in all four arms.")
