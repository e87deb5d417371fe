"""Who gets which session, and which session is blamed for the deaths of workers."""

from types import SimpleNamespace

import pytest

from mirror.counseling.session import Register, read_sessions
from mirror.counseling.spending.budget import Budget
from mirror.counseling.spending.spent import Spent
from mirror.counseling.workers.assignments import SessionAssignments
from mirror.paths import input_path
from mirror.transcripts.profile import read_profiles
from mirror.workers.assignments import WorkersDie

PROFILES = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))[:4]
A, B, C, D = (profile.idx for profile in PROFILES)


@pytest.fixture
def assignments(tmp_path):
    return SessionAssignments(Register(read_sessions(PROFILES, tmp_path, 0, 3), Budget()))


def clients(sessions):
    return [session.conversation.profile.idx for session in sessions]


def test_sessions_are_given_in_order_and_begin(assignments, tmp_path):
    assert clients(assignments.give(0, 2)) == [A, B] and clients(assignments.give(1, 3)) == [C, D]
    assert assignments.give(0, 1) == [] and not assignments.are_done
    assert {path.parent.name for path in tmp_path.glob("*/client.json")} == {A, B, C, D}


def test_what_a_dead_worker_held_comes_next_in_its_order(assignments):
    assignments.give(0, 2)
    assignments.died(0, "killed")
    assert clients(assignments.give(1, 3)) == [A, B, C]


def test_a_session_that_goes_on_stays_and_one_that_is_over_leaves(assignments):
    first, second = assignments.give(0, 2)
    assert assignments.take_back(0, [A, B]) == [first, second]
    assignments.keep(0, [second])
    assert clients(assignments.held[0].values()) == [B]


def test_a_session_whose_workers_died_twice_is_alone_until_it_has_had_a_turn(assignments):
    for _ in range(2):
        assert clients(assignments.give(0, 2)) == [A, B]
        assignments.died(0, "killed")
    assert clients(assignments.give(0, 2)) == [A] and assignments.give(0, 2) == []
    assert clients(assignments.give(1, 1)) == [B]
    assert clients(assignments.give(2, 2)) == [C, D]
    assignments.keep(0, assignments.take_back(0, [A]))
    assignments.died(2, "killed")
    assert clients(assignments.give(0, 2)) == [C, D]


def test_only_the_session_that_kills_its_workers_is_blamed(assignments):
    for worker in range(2):
        assignments.give(worker, 2)
        assignments.died(worker, "killed")
    assignments.give(2, 2)
    assignments.give(3, 2)
    with pytest.raises(WorkersDie, match=rf"died one after another in session {A} \(turn 1\).*\nSegmentation fault\n"):
        assignments.died(2, "Segmentation fault")


def test_a_budget_that_is_used_up_ends_giving(assignments):
    assignments.register.budget = Budget({"budget_hours": 1}, spent=Spent(seconds=3600))
    assert assignments.give(0, 1) == [] and assignments.are_done


def test_a_register_without_sessions_is_done():
    register = SimpleNamespace(waiting=[], budget=Budget())
    assert SessionAssignments(register).are_done
