"""A build that is killed at any moment ends with the files of one that is not, and pays for no answer twice."""

import json
import os
import random
import subprocess
import sys

import pytest
import yaml

from mirror.building.screenplays.writing.journal import WrittenRecord
from mirror.chat.parameters import fold_seed
from mirror.files.json_lines import read_lines
from mirror.seeds import seed_for
from tests import ROOT, killed_builders
from tests.faulty_screenplays import settings, write
from tests.killed_builds import WRITTEN_FOR, answer, profiles
from tests.openai_server import OpenAIServer
from tests.painted_dialogues import files

CONCURRENCY = 2
TIMES = ("started", "updated")


class Builds:
    """The process that builds, and is killed in forks of its own."""

    def __init__(self, path):
        own = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
        command = [sys.executable, "-m", "tests.killed_builds", str(path)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout.readline() == "ready\n"

    def build(self, output, place=0):
        self.process.stdin.write(f"{output} {place}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.mark.slow
@pytest.mark.proof
def test_kills_change_no_file_and_no_answer_is_paid_twice(tmp_path, monkeypatch, moments):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    write(tmp_path / "sources")
    with OpenAIServer(default=answer) as server:
        changes = {
            "source": "profiles", "table": str(profiles(tmp_path / "profiles.csv")), "resistances": "emotional, no",
            "writer_model": "some-model", "writer_url": server.url, "describer": "openai", "seed": 7,
            "describer_model": "some-model", "describer_url": server.url, "concurrency": CONCURRENCY, "attempts": 3,
            "on_exhaustion": "keep_best", "paint_batch": 4,
        }  # fmt: skip
        (tmp_path / "settings.yaml").write_text(yaml.safe_dump(settings(tmp_path / "sources", **changes).model_dump()))
        builds = Builds(tmp_path / "settings.yaml")
        try:
            writes = builds.build(tmp_path / "whole")
            asked = {request.body["seed"] for request in server.requests}
            assert len(asked) == len(server.requests) == 6 + 6 * 5
            kills, stages, start = 0, set(), len(server.requests)
            places = [2, *sorted(random.Random(5).sample(range(3, writes), moments - 1))]  # the first among the texts
            for before, place in zip([0, *places], places, strict=False):
                known = answered(tmp_path / "broken/results/proof")
                status = builds.build(tmp_path / "broken", place - before + 3 * (kills > 0))
                again = {request.body["seed"] for request in server.requests[start:]}
                assert not again & known, "an answer that was on disk was asked for again"
                start, kills = len(server.requests), kills + (status == -9)
                stages.add(stage(tmp_path / "broken/results/proof"))
            assert kills == moments
            assert builds.build(tmp_path / "broken") > 0
            assert answered(tmp_path / "broken/results/proof") == asked
            known, repeats = len(asked), len(server.requests) - 2 * len(asked)
        finally:
            builds.close()
    assert stages >= {"texts", "pictures"}
    assert 0 <= repeats <= moments * CONCURRENCY and known == 36
    whole, broken = (contents(tmp_path / name / "results/proof") for name in ("whole", "broken"))
    assert whole.keys() == broken.keys() and len(whole) > 60
    assert [name for name in whole if whole[name] != broken[name]] == []


def answered(run):
    """The seeds of all requests whose answers are on disk."""
    found = {record.seed for record in read_lines(run / "written.jsonl", WrittenRecord)}
    for path in run.glob("pictures/*/descriptions.jsonl"):
        lines = path.read_bytes().split(b"\n")[:-1]
        found |= {seed_for(7, "description", path.parent.name, json.loads(line)["line"]) for line in lines}
    return set(map(fold_seed, found))


def stage(run):
    """How far a build came, by its files."""
    for name, there in (
        ("set", (run / "set").exists()), ("pictures", any(run.glob("pictures/*/pictures.jsonl"))),
        ("descriptions", any(run.glob("pictures/*/*.jsonl"))), ("portraits", (run / "portraits.jsonl").exists()),
    ):  # fmt: skip
        if there:
            return name
    return "texts"


def contents(run):
    """Every file of the run; of the provenance all but its times."""
    found = files(run)
    provenance = json.loads(found.pop("provenance.json"))
    return found | {"provenance.json": {name: value for name, value in provenance.items() if name not in TIMES}}


def test_the_stand_in_writes_what_the_build_asks_for():
    assert WRITTEN_FOR in (ROOT / "mirror/building/screenplays/writing/session.txt").read_text()


@pytest.mark.slow
@pytest.mark.proof
def test_a_build_whose_worker_is_killed_is_that_of_one_process(tmp_path):
    """More kills: `python -m tests.killed_builders`."""
    assert killed_builders.compare(tmp_path, workers=2, kills=1, driver_kills=0, seed=1, dialogues=2) == []
