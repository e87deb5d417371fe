"""Who holds what, whatever happens; whom deaths are blamed on. Sessions are in tests/counseling/workers."""

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.workers.assignments import MOST_DEATHS, Assignments, WorkersDie


def assignments(number):
    return Assignments(deque(range(number)), name=lambda work: work, told=lambda work: f"piece {work}")


def test_work_is_given_in_order_and_what_a_dead_worker_held_comes_next():
    made = assignments(6)
    assert made.give(0, 2) == [0, 1] and made.give(1, 3) == [2, 3, 4] and made.give(0, 0) == []
    made.died(1, "killed")
    assert made.give(0, 2) == [2, 3] and list(made.waiting) == [4, 5]
    made.died(7, "had nothing")
    assert made.take_back(0, [1, 2]) == [1, 2] and made.held[0] == {0: 0, 3: 3}


def test_the_third_death_in_a_row_is_blamed_on_the_work_and_says_why():
    made = assignments(3)
    for _ in range(MOST_DEATHS - 1):
        made.give(0, 2)
        made.died(0, "killed")
    assert made.give(0, 2) == [0] and made.has_suspect(0) and made.give(0, 2) == [] and made.give(1, 2) == [1]
    with pytest.raises(WorkersDie, match="3 workers died one after another in piece 0; all before .*\nSegmentation"):
        made.died(0, "Segmentation fault")


@given(st.integers(1, 8), st.lists(st.tuples(st.sampled_from(["give", "die", "done"]), st.integers(0, 2)), max_size=60))
def test_no_work_is_lost_or_held_twice_and_none_is_blamed_for_another(number, events):
    made, done, deadly = assignments(number), set(), 0
    for event, worker in events:
        if event == "give":
            made.give(worker, 2)
        elif event == "done":
            done |= {*made.take_back(worker, [work for work in made.held[worker] if work != deadly])}
        elif made.held[worker]:
            try:
                made.died(worker, "killed")
            except WorkersDie as error:
                assert "in piece" in str(error)
                return
        held = [work for of in made.held.values() for work in of]
        assert sorted([*held, *made.waiting, *done]) == list(range(number))
        assert all(len(of) == 1 for of in made.held.values() if any(made.deaths[w] >= MOST_DEATHS - 1 for w in of))
