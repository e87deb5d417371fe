"""Shares of time: calls at the same time count once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.benchmarks.busy import Busy, StepClock, covered


def test_calls_at_the_same_time_count_once():
    assert covered([(0, 2), (1, 3), (5, 6), (5.2, 5.5)]) == pytest.approx(4)
    assert covered([]) == 0


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9))))
def test_the_union_is_what_is_inside_any(spans):
    intervals = [(start, start + length) for start, length in spans]
    inside = {second for start, end in intervals for second in range(start, end)}
    assert covered(intervals) == len(inside)


def test_the_share_is_of_all_the_time_between_first_and_last_call():
    busy = Busy()
    busy.calls["client"] += [(0, 2), (6, 8)]
    busy.calls["painter"] += [(2, 5)]
    busy.calls["counselor"] += [(4, 6), (8, 10)]
    assert busy.share(["painter", "counselor"]) == pytest.approx(0.6)
    assert busy.seconds("counselor") == pytest.approx(4)


def test_a_step_beside_others_has_what_they_wait_for(monkeypatch):
    """Painting takes 0…4 and 5…9, filters 3…6 and 8…10, all of it 0…12: the filters' own are 4…5 and 9…10."""
    clock = StepClock()
    monkeypatch.setattr("mirror.benchmarks.busy.time.perf_counter", iter([0, 4, 5, 9, 3, 6, 8, 10, 0, 12]).__next__)
    for step in ("painting", "painting", "filters", "filters", "all"):
        assert clock.timed(step, lambda step=step: step) == step
    assert clock.seconds(["painting", "filters", "described", "all"]) == {"painting": 8, "filters": 2, "all": 2}


def test_a_watched_method_still_answers():
    class Adder:
        def add(self, one, other=1):
            return one + other

    clock, adder = StepClock(), Adder()
    clock.watch(adder, "add", "sum")
    assert adder.add(2, other=3) == 5 and clock.seconds(["sum"])["sum"] > 0
