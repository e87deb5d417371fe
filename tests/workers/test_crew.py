"""How a crew takes workers in and replaces them, without processes; with them: tests/counseling and tests/building."""

from collections import Counter

import pytest

from mirror.run_folder import RunConflict
from mirror.workers.assignments import WorkersDie
from mirror.workers.crew import Crew
from mirror.workers.pool import Answer, Death
from mirror.workers.worker import Loaded


class Calls:
    """A pool whose calls end as they are told to."""

    def __init__(self, *ends):
        self.ends, self.calls, self.replaced = [*ends], [], []

    def __len__(self):
        return 2

    @property
    def under_way(self):
        return len(self.ends)

    def call(self, worker, method):
        self.calls.append((worker, method))

    def next(self):
        return self.ends.pop(0)

    def replace(self, worker):
        self.replaced.append(worker)


def crew_of(*ends):
    crew = Crew.__new__(Crew)
    crew.changed = lambda before, now: [role for role in before if before[role] != now[role]]
    crew.facts, crew.devices, crew.idle, crew._warned, crew._lost = {}, {}, set(), set(), Counter()
    crew.pool = Calls(*ends)
    return crew


def loaded(worker, painter="p"):
    return Answer(worker, Loaded({"painter": painter}, "cpu", "host-b", 7))


def test_workers_are_taken_in_and_one_that_died_is_loaded_again():
    crew = crew_of(loaded(1), Death(0, "killed"), loaded(0))
    crew._load_all()
    assert crew.idle == {0, 1} and crew.devices == {0: "cpu", 1: "cpu"} and crew.facts == {"painter": "p"}
    assert crew.pool.replaced == [0] and crew.pool.calls == [(0, "load"), (1, "load"), (0, "load")]


def test_a_worker_that_cannot_load_says_why_at_once():
    crew = crew_of(loaded(1), Death(0, "traceback", FileNotFoundError("no such adapter")), loaded(0))
    with pytest.raises(FileNotFoundError, match="no such adapter"):
        crew._load_all()
    assert crew.pool.replaced == []


def test_a_worker_with_other_models_is_refused():
    with pytest.raises(RunConflict, match="worker 2 on host-b has another painter than the others; every machine"):
        crew_of(loaded(0), loaded(1, "q"))._load_all()


def test_workers_that_die_while_they_load_end_it_with_the_last_reason():
    with pytest.raises(WorkersDie, match="3 workers died one after another while they loaded; the last one:\nkilled 3"):
        crew_of(*(Death(0, f"killed {n}") for n in range(9)))._load_all()


def test_warnings_are_logged_once(caplog):
    crew = crew_of()
    crew.warn(("slow", "old"))
    crew.warn(("slow",))
    assert caplog.messages == ["slow", "old"]
