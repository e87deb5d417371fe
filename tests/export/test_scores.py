"""Ratings as the values of scores, and back: nothing is lost, whatever items and turns were rated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.export.scores import AnswerKey, by_turn, read_answers, sample_scores, scorer_means, value_of
from mirror.rating.ratings import RatingRecord
from tests.rated_exports import rate, rated_run

NAMES = st.text("abcdefgh_-", min_size=1, max_size=6)
SCORES = st.dictionaries(NAMES, st.none() | st.integers(0, 7), min_size=1, max_size=5)


def record(turn, scores, judge="j"):
    facts = {"idx": "1", "instrument": "i", "repeat": 1, "status": "rated", "raw": "", "run": "r", "asked": "a"}
    return RatingRecord(**facts, turn=turn, scores=scores, judge=judge, attempts=1)


@given(st.dictionaries(st.none() | st.integers(1, 40), SCORES, min_size=1, max_size=4))
def test_a_value_holds_every_answer_and_gives_it_back(answers):
    assert by_turn(value_of([record(turn, scores) for turn, scores in answers.items()])) == answers


def test_a_turn_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="'focus@last' must end with the number of a turn"):
        by_turn({"focus@last": 3})


def test_what_was_rated_again_counts_last(output):
    folder = rated_run(output)
    rate(folder, "ctrs", "gpt-4o", score=5)
    scores = sample_scores(read_answers(folder)["60"])
    assert set(scores["ctrs by gpt-4o"]["value"].values()) == {5}
    assert set(scores["ctrs by gpt-4o #2"]["value"].values()) == {3}
    assert scores["resistance by human anna"]["value"]["overall@2"] == 3
    assert scores["resistance by human anna"]["explanation"] == "1: because\n2: because"


def test_means_are_over_sessions_and_turns_and_without_missing_values():
    samples = [
        {"s": {"value": {"a@1": 1, "a@2": 3, "b@1": None}}},
        {"s": {"value": {"a@1": 5}}},
    ]
    (mean,) = scorer_means(samples)
    assert (mean["name"], mean["scorer"], mean["metrics"]["mean"]["value"]) == ("a", "s", 3)


def test_a_scorer_is_named_after_its_rater():
    assert AnswerKey("ctrs", "gpt-4o", 1).scorer == "ctrs by gpt-4o"
    assert AnswerKey("ctrs", "gpt-4o", 3).scorer == "ctrs by gpt-4o #3"
