"""The workers of a build: the same files however many there are and whoever dies.

With the real models, in processes of their own that are killed: `python -m tests.killed_builders`.
"""

import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.building.pictures import Pictures, PicturesMissing
from mirror.building.pictures.crew import PictureCrew, _changed_roles
from mirror.building.settings import BuildSettings
from mirror.workers.assignments import WorkersDie
from mirror.workers.pool import Answer, Death
from tests import ROOT
from tests.painted_dialogues import Painter, Verifier, files, pictures, screenplay
from tests.painting_worker import FastWorker


def build_settings(**changes):
    changes = {"describer": "local", "describer_model": "m", "paint_batch": 2, "concurrency": 2, "workers": 2} | changes
    return BuildSettings.from_file(ROOT / "params/build/pocket.yaml", check_files=False, device="cpu", **changes)


class PoolHere:
    """The workers of a pool in this process: calls end in any order, and so many of them by the death of the worker."""

    def __init__(self, make, number, order, deaths):
        self.make, self.order, self.deaths = make, order, deaths
        self.workers, self.calls, self.made = [make() for _ in range(number)], {}, Counter()

    def __len__(self):
        return len(self.workers)

    @property
    def under_way(self):
        return len(self.calls)

    def call(self, worker, method, *arguments):
        assert worker not in self.calls
        self.calls[worker] = (method, arguments)

    def next(self):
        worker = self.order.choice(sorted(self.calls))
        method, arguments = self.calls.pop(worker)
        if method == "paint" and self.deaths and self.order.random() < 0.3:
            self.deaths -= 1
            return Death(worker, "killed")
        self.made[worker] += method == "paint"
        try:
            return Answer(worker, getattr(self.workers[worker], method)(*arguments))
        except MemoryError as error:
            return Death(worker, str(error), error)

    def replace(self, worker):
        self.workers[worker] = self.make()

    def close(self):
        pass


class CrewHere(PictureCrew):
    """A crew whose workers are in this process."""

    def __init__(self, settings, workers, order=None, deaths=0, make=FastWorker):
        self.settings, self.changed, self.facts = settings, _changed_roles, {}
        self.devices, self.idle, self._warned, self._lost = {}, set(), set(), Counter()
        self.pool = PoolHere(lambda: make(settings), workers, order or Random(0), deaths)
        self._load_all()


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(1, 4), st.integers(0, 2), st.integers(1, 3), st.randoms(use_true_random=False), st.integers(1, 3))
def test_neither_workers_nor_deaths_nor_batches_change_a_file(workers, deaths, batch, order, concurrency):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plays = [screenplay(number, folder / "portraits", turns=number + 1) for number in range(4)]
        options = {"seed": 4, "attempts": 3, "on_exhaustion": order.choice(["drop_dialogue", "drop_turn", "keep_best"])}
        crew = CrewHere(build_settings(paint_batch=batch, concurrency=concurrency), workers, order, deaths)
        made = Pictures(folder / "many", crew, **options).make(plays)
        one = pictures(folder / "one", **options).make(plays)
        assert files(folder / "many") == files(folder / "one")
        assert [play.idx for play in made.kept] == [play.idx for play in one.kept] and made.dropped == one.dropped


def test_few_requests_are_dealt_to_all_workers(tmp_path):
    crew = CrewHere(build_settings(paint_batch=8), 3)
    Pictures(tmp_path / "p", crew, on_exhaustion="drop_turn").make([screenplay(0, tmp_path / "portraits")])
    assert set(crew.pool.made) == {0, 1, 2}


def test_a_picture_that_ends_its_workers_is_named_and_what_is_made_is_kept(tmp_path):
    plays = [screenplay(number, tmp_path / "portraits") for number in range(4)]

    class Deadly(Painter):
        def _image(self, request):
            if "client 1 of 2" in request.prompt:
                raise MemoryError("out of memory")
            return super()._image(request)

    class DeadlyWorker(FastWorker):
        def build(self):
            return super().build()._replace(painter=Deadly())

    named = rf"3 workers died one after another in the picture of {plays[2].idx}, line 2; .*\nout of memory\n"
    with pytest.raises(WorkersDie, match=named):
        crew = CrewHere(build_settings(), 1, make=DeadlyWorker)
        Pictures(tmp_path / "p", crew, on_exhaustion="drop_turn").make(plays)
    painted = [path.parent.name for path in (tmp_path / "p").glob("*/pictures.jsonl")]
    assert sorted(painted) == [play.idx for play in plays[:3]]
    assert not (tmp_path / "p" / plays[2].idx / "2.png").exists()


def test_answers_that_a_service_does_not_give_and_filters_that_fail_are_named(tmp_path):
    class Faulty(FastWorker):
        def build(self):
            tools = super().build()
            tools.describer.fast.fails.add("client 0 of 1")
            return tools._replace(verifier=Verifier(broken=["a facial photo with looks away"]))

    plays = [screenplay(number, tmp_path / "portraits") for number in range(2)]
    with pytest.raises(PicturesMissing) as error:
        Pictures(tmp_path / "p", CrewHere(build_settings(), 2, make=Faulty)).make(plays)
    assert f"{plays[1].idx}, line 0: no answer to client 0 of 1" in str(error.value)
    assert f"{plays[0].idx}, line 0: attempt 1 could not be verified: the filter is down" in str(error.value)


def test_an_endpoint_is_asked_by_this_process(monkeypatch):
    monkeypatch.setenv("IMG_DESCRIPTION_URL", "http://127.0.0.1:1")
    crew = CrewHere(build_settings(), 1)
    crew.settings = build_settings(describer="http")
    with pytest.raises(StopIteration):
        next(crew.describe([]))
    assert not crew.pool.calls


def test_other_models_are_noticed_and_other_machines_are_not():
    facts = {"painter": {"sha256": "a", "device": "cuda"}, "verifier": {"sha256": "b"}}
    assert _changed_roles(facts, facts | {"painter": {"sha256": "a", "device": "cpu"}}) == []
    assert _changed_roles(facts, facts | {"verifier": {"sha256": "c"}}) == ["verifier"]


@pytest.mark.slow
@pytest.mark.proof
def test_a_process_that_cannot_load_says_why_at_once(cluster):
    with pytest.raises(FileNotFoundError, match="no such adapter x.bin"):
        PictureCrew(build_settings(), 1, FastWorker, "x.bin")
