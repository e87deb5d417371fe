"""The ratings of a gallery: means over repeats, and one score per measure; rules are no evidence."""

import pandas as pd

from mirror.gallery.shown_ratings import ShownRating, by_instrument, ratings_by_session, scores_by_measure
from mirror.rating.ratings import COLUMNS


def test_ratings_are_means_over_repeats_and_rules_are_no_evidence():
    rows = [
        ("1", "ctrs", 1, float("nan"), "focus", 4.0, "gpt-4o", "rated", "judge"),
        ("1", "ctrs", 2, float("nan"), "focus", 5.0, "gpt-4o", "rated", "judge"),
        ("2", "ctrs", 1, 3.0, "focus", float("nan"), "rules", "failed", "judge"),
    ]
    found = ratings_by_session(pd.DataFrame(rows, columns=COLUMNS))
    (rated,), (missing,) = found["1"], found["2"]
    assert (rated.score, rated.words, rated.turn, rated.measure) == (4.5, "4.5", 0, "ctrs, gpt-4o: focus")
    assert (missing.score, missing.words, missing.turn) == (None, "missing", 3) and "no evidence" in missing.instrument


def test_a_score_of_turns_is_their_mean_and_a_missing_one_does_not_count():
    ratings = [ShownRating("r", "all", turn, score) for turn, score in ((1, 2.0), (2, None), (3, 3.0))]
    assert scores_by_measure([*ratings, ShownRating("r", "focus", 0, None)]) == {"r: all, mean over turns": 2.5}


def test_items_stand_under_their_instrument_in_order():
    ratings = [ShownRating("a", "x", 0, 1.0), ShownRating("b", "x", 0, 2.0), ShownRating("a", "y", 0, None)]
    assert by_instrument(ratings) == [("a", [("x", "1"), ("y", "missing")]), ("b", [("x", "2")])]
