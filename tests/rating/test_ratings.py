import json

import numpy as np
import pandas as pd
import pytest

from mirror.files.json_lines import JsonLinesError, append_line
from mirror.rating.instrument import read_instrument, read_instruments
from mirror.rating.ratings import (
    FILE,
    RatingRecord,
    arm_scores,
    counts,
    is_evidence,
    pool_humans,
    read_ratings,
    reliability,
    session_scores,
    subscale_scores,
    with_changes,
)

RESISTANCE, HELPFULNESS, ALLIANCE = map(read_instrument, ("resistance", "helpfulness", "wai-short"))


def rating(idx="60", repeat=1, turn=None, instrument="helpfulness", **changes):
    scores = changes.pop("scores", {"helpful": 4, "empathy": 2})
    values = {"status": "rated", "raw": "{}", "judge": "some-model", "run": "rate", "asked": "0", "attempts": 1}
    return RatingRecord(idx=idx, repeat=repeat, turn=turn, instrument=instrument, scores=scores, **values | changes)


def write(folder, *ratings):
    for one in ratings:
        append_line(folder / FILE, one)
    return read_ratings(folder)


def test_ratings_are_a_row_an_item(tmp_path):
    table = write(tmp_path, rating(), rating(turn=3, instrument="resistance", scores={"overall": 1}))
    assert table.columns.tolist() == ["idx", "instrument", "repeat", "turn", "item", "score", "judge", "status", "kind"]
    assert table["item"].tolist() == ["helpful", "empathy", "overall"]
    assert table["score"].tolist() == [4, 2, 1]
    assert table["turn"].isna().tolist() == [True, True, False]


def test_a_missing_score_is_missing_and_never_0(tmp_path):
    missing = {"scores": {"helpful": None, "empathy": None}, "status": "unparsable"}
    table = write(tmp_path, rating(), rating(repeat=2, **missing))
    assert table["score"].isna().tolist() == [False, False, True, True]
    assert (table["score"] != 0).all()


def test_the_last_answer_to_the_same_question_counts(tmp_path):
    failed = {"scores": {"helpful": None, "empathy": None}, "status": "failed"}
    table = write(tmp_path, rating(**failed), rating(repeat=2), rating(), rating(judge="rules"))
    assert len(table) == 6
    assert table[(table["repeat"] == 1) & (table["judge"] == "some-model")]["score"].tolist() == [4, 2]


def test_a_run_without_ratings_has_an_empty_table(tmp_path):
    assert read_ratings(tmp_path).empty
    assert subscale_scores(read_ratings(tmp_path), [HELPFULNESS]).empty
    assert reliability(subscale_scores(read_ratings(tmp_path), [HELPFULNESS]), 0).empty


def test_a_whole_line_that_is_no_rating_is_named(tmp_path):
    write(tmp_path, rating())
    with open(tmp_path / FILE, "a") as file:
        file.write('{"idx": "61"}\n')
    with pytest.raises(JsonLinesError, match=r"ratings\.jsonl: line 2: is no rating \(instrument"):
        read_ratings(tmp_path)


def test_reversed_items_are_turned_round_and_scores_need_all_items(tmp_path):
    full = {f"item_{number}": 1 for number in range(1, 13)} | {"item_4": 7, "item_6": 5}
    holes = full | {"item_1": None}
    table = write(
        tmp_path,
        rating(instrument="wai-short", scores=full),
        rating(instrument="wai-short", repeat=2, scores=holes),
    )
    scores = subscale_scores(table, [ALLIANCE, HELPFULNESS]).set_index(["repeat", "subscale"])["score"]
    assert scores[1, "goal"] == (1 + 5 + 7 + 1) / 4  # item_4 is 7 turned to 1, item_10 is 1 turned to 7
    assert scores[1, "bond"] == scores[1, "task"] == scores[2, "bond"] == 1
    assert np.isnan(scores[2, "task"])


def test_sums_are_sums(tmp_path):
    table = write(tmp_path, rating(instrument="panas", scores={f"item_{number}": 3 for number in range(1, 21)}))
    scores = subscale_scores(table, [read_instrument("panas")])
    assert scores[["subscale", "score", "better"]].to_numpy().tolist() == [
        ["positive_affect", 30, "higher"],
        ["negative_affect", 30, "lower"],
    ]


def resistances(*rows):
    """Ratings of resistance from (idx, turn, repeat, score)."""
    kept = {"instrument": "resistance", "status": "rated"}
    return [rating(idx, repeat, turn, **kept, scores={"overall": score}) for idx, turn, repeat, score in rows]


def test_a_session_has_one_score_unless_a_turn_has_none(tmp_path):
    rows = [("60", 1, 1, 2), ("60", 1, 2, 4), ("60", 2, 1, 0), ("60", 2, 2, None), ("61", 1, 1, 1), ("61", 2, 1, None)]
    scores = session_scores(subscale_scores(write(tmp_path, *resistances(*rows)), [RESISTANCE]))
    assert scores["idx"].tolist() == ["60", "61"]
    assert scores["score"].tolist()[0] == (3 + 0) / 2
    assert np.isnan(scores["score"].tolist()[1])


def test_reliability_is_told_with_every_mean(tmp_path):
    rows = [(idx, 1, repeat, place + (repeat == 3)) for place, idx in enumerate("abcd") for repeat in (1, 2, 3)]
    rows[0] = ("a", 1, 1, None)
    found = reliability(subscale_scores(write(tmp_path, *resistances(*rows)), [RESISTANCE]), seed=0).iloc[0]
    assert (found["n"], found["missing"], found["repeats"], found["answers"], found["missing_answers"]) == (
        4,
        0,
        3,
        12,
        1,
    )
    assert found["exact"] == pytest.approx(3 / 10) and found["within_one"] == 1
    assert 0.5 < found["alpha"] < 1 and found["low"] < found["mean"] < found["high"]


def test_intervals_of_ratings_stay_on_their_scale(tmp_path):
    rows = [(str(idx), 1, 1, score) for idx, score in enumerate((4, 4, 4, 4, 2))]
    found = reliability(subscale_scores(write(tmp_path, *resistances(*rows)), [RESISTANCE]), seed=0).iloc[0]
    assert found["mean"] == 3.6 and found["high"] == RESISTANCE.scale.highest == 4
    sums = read_instrument("panas")
    assert sums.bounds("positive_affect") == (10, 50) and ALLIANCE.bounds("goal") == (1, 7)


def test_the_offline_judge_alone_is_no_evidence():
    assert not is_evidence("rules") and is_evidence("gpt-x") and is_evidence("rules-7b") and is_evidence("m with faces")


# People ---------------------------------------------------------------------------------------------------------------


def test_a_judges_line_is_as_before_and_a_persons_names_its_kind(tmp_path):
    write(tmp_path, rating(), rating(judge="human anna", kind="human"))
    judge, person = map(json.loads, (tmp_path / FILE).read_text().splitlines())
    assert "kind" not in judge and person["kind"] == "human"
    assert read_ratings(tmp_path)["kind"].tolist() == ["judge"] * 2 + ["human"] * 2


def test_people_are_the_repeats_of_one_rater(tmp_path):
    people = {"judge": "human ben", "kind": "human"}, {"judge": "human anna", "kind": "human"}
    table = pool_humans(write(tmp_path, rating(repeat=3), rating(**people[0]), rating("61", **people[1])))
    assert table["judge"].tolist() == ["some-model"] * 2 + ["humans"] * 4
    assert table["repeat"].tolist() == [3, 3, 2, 2, 1, 1]


def test_the_score_of_people_is_their_mean_in_every_arm(tmp_path):
    values = {"anna": (5, 1), "ben": (2, 3)}
    for name, scores in values.items():
        given = dict(zip(("helpful", "empathy"), scores, strict=True))
        write(tmp_path / "a", rating(judge=f"human {name}", kind="human", scores=given))
    write(tmp_path / "b", rating(judge="human ben", kind="human"))
    found = arm_scores({arm: read_ratings(tmp_path / arm) for arm in "abc"}, [HELPFULNESS])
    of_a = session_scores(found[found["arm"] == "a"])
    assert of_a.set_index("subscale")["score"].to_dict() == {"helpfulness": 3.5, "empathy": 2}
    assert set(found.loc[found["arm"] == "b", "repeat"]) == {2}  # the same number as in the other arm
    agreed = reliability(found.assign(idx=found["arm"] + "/" + found["idx"]), 0)
    assert agreed["repeats"].tolist() == [2, 2] and agreed["judge"].tolist() == ["humans"] * 2


@pytest.mark.parametrize("raters, used", [("both", {"m", "humans"}), ("judge", {"m"}), ("humans", {"humans"})])
def test_who_counts_is_declared_and_rules_never_do(raters, used):
    assert {judge for judge in ("m", "humans", "rules") if counts(judge, raters)} == used


def test_the_change_is_the_end_less_the_start_of_the_same_session_and_judge():
    instruments = read_instruments(["affect", "ctrs"])
    columns = ["idx", "instrument", "judge", "subscale", "better", "score"]
    rows = [
        ("60", "affect-start", "m", "distress", "lower", 4.0),
        ("60", "affect-end", "m", "distress", "lower", 1.5),
        ("61", "affect-start", "m", "distress", "lower", 3.0),
        ("60", "affect-end", "n", "distress", "lower", 5.0),
        ("60", "ctrs", "m", "general_skills", "higher", 5.0),
    ]
    table = pd.DataFrame(rows, columns=columns)
    found = with_changes(table, instruments)
    assert found[:5].equals(table)
    changes = found[5:].set_index(["idx", "judge"])
    assert set(changes["instrument"]) == {"affect-change"} and changes["score"].to_dict()["60", "m"] == -2.5
    assert changes["score"].isna().to_dict() == {("60", "m"): False, ("60", "n"): True, ("61", "m"): True}
    assert with_changes(table[4:], instruments).equals(table[4:])


def test_the_reliability_of_a_judge_has_its_mean_over_clients(tmp_path):
    lines = [rating(idx=idx, scores={"empathy": score}) for idx, score in (("1", 2), ("1+s2", 4), ("2", 5))]
    instrument = read_instrument("helpfulness")
    items = {item.id for item in instrument.items}
    lines = [line.model_copy(update={"scores": dict.fromkeys(items, line.scores["empathy"])}) for line in lines]
    row = reliability(subscale_scores(write(tmp_path, *lines), [instrument]), seed=0).iloc[0]
    assert (row["n"], row["mean"], row["answers"]) == (2, 4, 3)
