"""The ratings of a gallery: means over repeats, and one score per measure; rules are no evidence."""

import json

import pandas as pd

from mirror.files.json_lines import append_line
from mirror.gallery.shown_ratings import (
    ShownComment,
    ShownRating,
    by_instrument,
    comments_by_session,
    ratings_by_session,
    reversed_items,
    scores_by_measure,
)
from mirror.rating.instrument import known_instruments
from mirror.rating.ratings import COLUMNS, RatingRecord


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


def record(folder, idx, turn=None, **changes):
    given = {"instrument": "affect", "repeat": 1, "status": "rated", "scores": {"calm": 3}, "judge": "human ada"}
    given |= {"raw": "", "run": "own", "asked": "", "attempts": 1, "kind": "human"} | changes
    append_line(folder / "ratings.jsonl", RatingRecord(idx=idx, turn=turn, **given))


def test_the_comments_of_people_are_there_the_last_one_of_each_and_no_judges_reason(tmp_path):
    record(tmp_path, "7", reason="At first.")
    record(tmp_path, "7", reason=" Warm at the end. ")
    record(tmp_path, "7", 2, reason="Too fast.")
    record(tmp_path, "8", reason="")
    record(tmp_path, "8", reason="because", judge="gpt-4o", kind="judge")
    of_ada = [
        ShownComment("affect, human ada", turn, words) for turn, words in ((0, "Warm at the end."), (2, "Too fast."))
    ]
    assert comments_by_session(tmp_path) == {"7": of_ada}


def test_reversed_items_are_those_of_shipped_instruments_and_of_what_rating_runs_recorded(output, tmp_path):
    own = {"name": "own-scale", "items": [{"id": "cold_tone", "reversed": True}, {"id": "warm"}]}
    run = output / "results/own"
    run.mkdir(parents=True)
    (run / "provenance.json").write_text(json.dumps({"instruments": {"own-scale": own}}))
    record(tmp_path, "7", instrument="own-scale", scores={"cold_tone": 2, "warm": 4})
    turned = reversed_items(tmp_path)
    assert ("own-scale", "cold_tone") in turned and ("own-scale", "warm") not in turned
    shipped = {(one.name, item.id) for one in known_instruments() for item in one.items if item.reversed}
    assert shipped and turned == shipped | {("own-scale", "cold_tone")}
    row = ("7", "own-scale", 1, float("nan"), "cold_tone", 2.0, "human ada", "rated", "human")
    (rated,) = ratings_by_session(pd.DataFrame([row], columns=COLUMNS), turned)["7"]
    assert rated.item == "cold tone (reversed)" and rated.score == 2
