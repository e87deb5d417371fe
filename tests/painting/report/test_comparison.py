"""The table of a comparison, against numbers that were computed by hand."""

import numpy as np
import pandas as pd
import pytest

from mirror.painting.attempts import AttemptRecord, Examination
from mirror.painting.report.comparison import compare
from mirror.statistics import compare_arms, estimate, proportion
from mirror.transcripts.verdict import Verdict

EVALUATIONS = {"slow": 12, "fast": 2}


def search(painter, client, expression, attempts, seconds, identity=0.6, accepted=True, **scores):
    """One search of so many attempts; the last one is accepted unless said otherwise."""
    outcomes = ["another_person"] * (attempts - accepted) + ["accepted"] * accepted
    values = {"safety": 0.01, "relevance": 0.3, "swapped": 0.1, "without_person": None, "identity_threshold": 0.5}
    examined = Examination(identity=identity, **values | scores)
    return [
        AttemptRecord(
            painter=painter, client=client, expression=expression, number=number, seed=number, digest="",
            verdict=Verdict(outcome=outcome), seconds=seconds, examined=examined if number == 1 else None,
        )
        for number, outcome in enumerate(outcomes, 1)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def table():
    """Three clients with two expressions."""
    searches = [
        search("slow", "a", "sad", 1, 0.4, identity=0.8),
        search("slow", "a", "calm", 2, 0.4, identity=0.4),
        search("slow", "b", "sad", 1, 0.4, identity=0.7),
        search("slow", "b", "calm", 1, 0.4, identity=None),
        search("slow", "c", "sad", 3, 0.4, accepted=False, swapped=0.5),
        search("slow", "c", "calm", 1, 0.4),
        search("fast", "a", "sad", 1, 0.1, identity=0.7),
        search("fast", "a", "calm", 1, 0.1, identity=0.5),
        search("fast", "b", "sad", 1, 0.1, identity=0.6),
        search("fast", "b", "calm", 2, 0.1, identity=None),
        search("fast", "c", "sad", 1, 0.1, without_person=0.9),
        search("fast", "c", "calm", 1, 0.1, without_person=0.49),
    ]
    return compared(searches, seed=3)


def compared(searches, seed):
    """Pictures of the fast painter are 6 and 12 gray levels away, by expression."""
    by_place = {(search[0].painter, *search[0].key): search for search in searches}
    distance = {place: 0.0 if place[0] == "slow" else {"sad": 6.0, "calm": 12.0}[place[2]] for place in by_place}
    return compare(by_place, EVALUATIONS, distance, seed).set_index("painter")


def test_shares_are_means_over_clients(table):
    assert table.loc["slow", "at_once"] == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert table.loc["fast", "at_once"] == pytest.approx((1 + 0.5 + 1) / 3)
    assert table.loc["slow", "accepted"] == pytest.approx((1 + 1 + 0.5) / 3)
    expected = estimate([1, 1, 0.5], 3, bounds=(0, 1))
    assert tuple(table.loc["slow", ["accepted_low", "accepted_high"]]) == (expected.low, expected.high)


def test_a_share_without_variation_has_an_interval_over_its_faces(table):
    expected = proportion(6, 6)
    assert tuple(table.loc["fast", ["accepted", "accepted_low", "accepted_high"]]) == (1, expected.low, expected.high)


def test_scores_are_of_first_attempts_and_missing_ones_are_left_out(table):
    slow, fast = [0.6, 0.7, 0.6], [0.6, 0.6, 0.6]  # client b shows no face once
    assert table.loc["slow", "identity"] == pytest.approx(np.mean(slow))
    assert table.loc["fast", "identity"] == pytest.approx(np.mean(fast))
    assert table.loc["slow", "relevance"] == pytest.approx(0.3) and table.loc["slow", "safety"] == pytest.approx(0.01)


def test_differences_are_paired_over_clients(table):
    arms = pd.DataFrame({"fast": [0.6, 0.6, 0.6], "slow": [0.6, 0.7, 0.6]})
    expected = compare_arms(arms, 3, bounds=(-1, 1)).iloc[0]
    found = table.loc["fast", ["identity_difference", "identity_difference_low", "identity_difference_high"]]
    assert list(found) == pytest.approx([expected["difference"], expected["low"], expected["high"]])
    assert table.loc["slow", "identity_difference"] == 0 and np.isnan(table.loc["slow", "identity_difference_low"])


def test_controls_count_what_reaches_the_threshold(table):
    assert table.loc["slow", "swapped"] == pytest.approx(1 / 6) and table.loc["fast", "swapped"] == 0
    assert table.loc["slow", "without_person"] == 0 and table.loc["fast", "without_person"] == pytest.approx(1 / 6)


def test_speed_counts_rejected_attempts(table):
    slow, fast = table.loc["slow"], table.loc["fast"]
    assert slow["seconds_per_painted_face"] == pytest.approx(0.4)
    assert slow["attempts_per_accepted_face"] == pytest.approx(9 / 5)
    assert slow["accepted_per_second"] == pytest.approx(5 / (9 * 0.4))
    assert fast["accepted_per_second"] == pytest.approx(6 / (7 * 0.1))
    assert (slow["speedup"], slow["evaluations"], fast["evaluations"]) == (1, 12, 2)
    assert fast["speedup"] == pytest.approx((6 / 0.7) / (5 / 3.6))


def test_distances_are_means_over_clients(table):
    assert table.loc["slow", "distance"] == 0 and table.loc["fast", "distance"] == pytest.approx(9)


def test_a_painter_without_an_accepted_face():
    searches = [
        search("slow", "a", "sad", 1, 0.4),
        search("slow", "b", "sad", 1, 0.4),
        search("fast", "a", "sad", 2, 0.1, accepted=False),
        search("fast", "b", "sad", 2, 0.1, accepted=False),
    ]
    found = compared(searches, seed=1).loc["fast"]
    assert found["accepted_per_second"] == 0 == found["speedup"] and np.isinf(found["attempts_per_accepted_face"])
