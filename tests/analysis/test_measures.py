"""The measures of a session: one column each, with bounds that a value can reach, and one that turns bring along."""

from math import inf, isnan

from mirror.analysis.measures import (
    ARROWS,
    BOUNDS,
    DESCRIPTIVE,
    OF_TURNS,
    OUTCOMES,
    OVER_TURNS,
    Measure,
    Rated,
    questions,
)
from mirror.analysis.metrics import TURN_COLUMNS
from mirror.transcripts.turn import Turn

ALL = (*OUTCOMES, *DESCRIPTIVE)


def test_every_measure_has_a_key_and_a_label_of_its_own():
    assert len({one.key for one in ALL}) == len({one.label for one in ALL}) == len(ALL)
    assert all(one.better for one in OUTCOMES) and not any(one.better for one in DESCRIPTIVE)
    assert {one.better for one in ALL} <= ARROWS.keys() and {one.unit for one in ALL} <= BOUNDS.keys()


def test_bounds_are_those_of_the_unit_unless_a_measure_has_its_own():
    assert Measure("x", "x", "share").bounds == (0, 1)
    assert Measure("x", "x", "number", range=(1, inf)).bounds == (1, inf)
    found = {one.key: one.bounds for one in ALL}
    assert found["attempts"] == found["turns"] == (1, inf) and found["resistance_change"] == (-1, 1)
    assert found["identity"] == (-1, 1) and found["reply_words"] == (0, inf)


def test_questions_are_counted_in_the_reply_alone():
    turn = Turn(number=1, cue="?", words="Why?", client_raw="", reply="Why? Since when? Hm.")
    assert questions(turn) == 2
    assert questions(turn.model_copy(update={"reply": "Hm."})) == 0
    assert isnan(questions(turn.model_copy(update={"reply": ""})))
    assert OF_TURNS == {"questions": questions}


def test_what_is_drawn_over_turns_is_a_column_of_turns():
    assert OVER_TURNS.keys() <= set(TURN_COLUMNS)
    units = {one.key: one.unit for one in ALL}
    assert all(units[key] == unit for key, (_, _, unit) in OVER_TURNS.items())


def test_a_change_may_go_both_ways_by_the_width_of_the_scale():
    change = Rated("affect-end", "ease", "m", "higher", 1, 5).of_change("affect-change").measure("Affect")
    assert change.key == "affect-change.ease by m" and change.bounds == (-4.0, 4.0) and change.better == "higher"
