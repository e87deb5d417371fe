"""Whole builds: the same set from the same content, in shares, from runs, through batch files; and what is refused."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest
import yaml
from PIL import Image

from mirror.building import casting
from mirror.building.run import Building
from mirror.building.training_set.check import check_set
from mirror.chat.batch_files import BatchPending
from mirror.files.lock import FolderInUse
from mirror.run_folder import RunConflict
from mirror.training.dataset import load_training_set
from mirror.transcripts.session_folder import SessionFolder
from tests import ROOT
from tests.faulty_screenplays import PLAN, dialogue, idx_of, lines, settings, table_text, write
from tests.killed_builds import answer, profiles
from tests.openai_server import OpenAIServer
from tests.painted_dialogues import Painter, Verifier, files
from tests.sessions import CLIENT, append, full_turn, last_turn
from tests.vendor_batches import run_batch


@pytest.fixture(autouse=True)
def members(monkeypatch):
    """Members that paint and verify at once; everything else is real."""
    monkeypatch.setattr(casting, "build_painter", lambda *_: Painter())
    monkeypatch.setattr(casting, "build_verifier", lambda *_: Verifier(accepted=12))
    monkeypatch.setattr(casting, "face_pack", lambda *_: None)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Six dialogues without a fault."""
    folder = write(tmp_path_factory.mktemp("sources"))
    (folder / "screenplays.csv").write_text(table_text(dialogue(number) for number in range(34, 40)))
    return folder


def build(folder, **changes):
    changes = {"same_gender": False, "age_gap": 0, "attempts": 3, "on_exhaustion": "drop_turn"} | changes
    building = Building(settings(folder, **changes)).open()
    building.write()
    return building


def digests(building):
    return json.loads((building.settings.set_folder / "digests.json").read_text())


@pytest.mark.slow
def test_order_batches_and_concurrency_do_not_change_the_set(tmp_path, output):
    folder, found = tmp_path / "sources", []
    for run, how, changes in (
        ("one", {}, {}),
        ("two", {"shuffle": 3, "odd": False}, {"paint_batch": 1, "concurrency": 2}),
        ("three", {"shuffle": 4}, {"paint_batch": 5, "concurrency": 1}),
    ):
        building = build(write(folder, **how), run=run, **changes)
        found.append(digests(building))
        shutil.rmtree(folder)
    check_set(building.settings.set_folder)  # where it lies in the end; before, each build has checked its own
    first, second, third = found
    for one in (first, second, third):
        one.pop("set.json")  # names the run
        title = one.pop("README.md")
        assert title["bytes"] > 1000
    assert first == second == third and len(first) > 60
    cards = [
        (output / f"results/{run}/set/README.md").read_text().replace(f"set {run}:", "")
        for run in ("one", "two", "three")
    ]
    assert cards[0] == cards[1] == cards[2]


@pytest.mark.slow
def test_shares_and_a_last_process_make_what_one_process_makes(sources, output):
    whole = build(sources, run="whole")
    changes = {"run": "shared", "same_gender": False, "age_gap": 0, "attempts": 3, "on_exhaustion": "drop_turn"}
    with pytest.raises(RunConflict, match="has no portraits yet"):
        Building(settings(sources, shard="1/3", **changes)).open()
    Building(settings(sources, stop_after="portraits", **changes)).open().portraits()
    painted = []
    for number in (3, 1, 2):
        share = Building(settings(sources, shard=f"{number}/3", **changes)).open()
        share.pictures()
        assert "not done" in share.write().columns and not share.settings.set_folder.exists()
        painted += [one.idx for one in share.painted.kept]
    assert sorted(painted) == sorted(one.idx for one in whole.painted.kept)
    last = Building(settings(sources, **changes)).open()
    last.write()
    assert not last.tools.painter.painted, "a face of a share was painted again"
    assert files(whole.run.folder / "pictures") == files(last.run.folder / "pictures")
    one, other = digests(whole), digests(last)
    differing = [name for name in one if one[name] != other[name]]
    assert differing == ["README.md", "set.json"]  # they name the run


def test_a_second_process_is_refused(sources, output, another_process):
    building = Building(settings(sources, stop_after="texts")).open()
    with another_process(building.run.folder):
        with pytest.raises(FolderInUse, match="in use by process"):
            Building(settings(sources, stop_after="texts")).open()
        with pytest.raises(FolderInUse, match="in use by process"):
            building.texts()
    assert building.texts()["count"].tolist() == [6]


def test_other_settings_are_refused_and_those_of_the_machine_are_not(sources, output):
    Building(settings(sources, stop_after="texts")).open()
    with pytest.raises(RunConflict, match="min_turns was 4 and is 5"):
        Building(settings(sources, min_turns=5))
    Building(settings(sources, stop_after="portraits", concurrency=3, paint_batch=2)).open()


def test_fresh_keeps_an_old_build_while_the_table_is_faulty(sources, output, tmp_path):
    folder = shutil.copytree(sources, tmp_path / "copy")
    building = build(folder)
    before = files(building.run.folder)
    table = (folder / "screenplays.csv").read_text()
    (folder / "screenplays.csv").write_text(table.replace("cbt_plan", "cbt", 1))
    with pytest.raises(ValueError, match="column 'cbt_plan' .plan. is missing"):
        Building(settings(folder, fresh=True, min_turns=5)).open()
    assert files(building.run.folder) == before
    (folder / "screenplays.csv").write_text(table)
    Building(settings(folder, fresh=True, min_turns=5)).open()
    assert not (building.run.folder / "set").exists()


def test_a_build_ends_after_the_stage_that_is_asked_for(sources, output):
    building = Building(settings(sources, stop_after="texts")).open()
    building.texts()
    assert building.portraits() == () == building.shown()
    assert "stop_after texts" in building.pictures()["not done"][0] == building.write()["not done"][0]
    assert building.left_out().empty and building.run.provenance["stages"][-1] == "texts"
    assert not (building.run.folder / "pictures").exists()
    record = building.run.provenance
    assert (record["status"], record["reason"]) == ("stopped", "after texts, as stop_after says")


def test_a_build_with_its_set_stays_complete_after_an_estimate(sources, output):
    first = build(sources)
    assert first.run.provenance["status"] == "complete"
    changes = {name: getattr(first.settings, name) for name in ("same_gender", "age_gap", "attempts", "on_exhaustion")}
    again = Building(settings(sources, stop_after="estimate", **changes)).open()
    again.write()
    assert again.run.provenance["status"] == "complete"


def test_an_estimate_asks_and_paints_nothing(sources, output):
    building = Building(settings(sources, stop_after="estimate")).open()
    assert int(building.estimate().set_index("what").loc["dialogues", "expected"]) == len(building.read.kept)
    assert "stop_after estimate" in building.texts()["not done"][0]
    assert building.left_out().empty or set(building.left_out()["step"]) == {"read"}
    assert not (building.run.folder / "texts.jsonl").exists()
    building.write()
    assert building.run.provenance["reason"] == "after estimate, as stop_after says"


def test_an_error_is_in_the_record_of_the_run(sources, output, monkeypatch):
    building = Building(settings(sources)).open()
    monkeypatch.setattr("mirror.building.run.filter_texts", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        building.texts()
    assert building.run.provenance["status"] == "stopped"
    assert "ZeroDivisionError" in building.run.provenance["reason"]


# Own sessions ---------------------------------------------------------------------------------------------------------


def write_session(run, idx, portrait, turns=5, **client):
    session = SessionFolder(run / "sessions" / idx)
    session.begin(replace(CLIENT, idx=idx, portraits=(portrait,), **client))
    words = lines(client["name"], turns)
    for number in range(turns):
        cue, _, said = words[2 * number].removeprefix("Client: [").partition("] ")
        reply = words[2 * number + 1].removeprefix("Therapist: ")
        turn = full_turn(number + 1, cue=cue, words=said, reply=reply, client_raw="", caption=cue)
        append(session, turn)
    append(session, last_turn(turns + 1))
    session.end("complete", "the client ended it")


@pytest.fixture
def runs(output, sources):
    """Two runs over two clients each; one of them is the person of a test client, another has that one's profile."""
    for name in ("first", "second"):
        run = output / "results" / name
        (run / "sessions").mkdir(parents=True)
        (run / "settings.yaml").write_text(yaml.safe_dump({"cot": "planning", "client": "openai"}))
        (run / "provenance.json").write_text("{}")
        for idx, file, client in (
            ("a", "110-calm.png", "orchard"), ("b", "112-calm.png", "ferry"), ("c", "060-attentive.png", "attic"),
        ):  # fmt: skip
            portrait = output / f"data/{idx}.png"
            portrait.parent.mkdir(exist_ok=True)
            shutil.copyfile(sources / "portraits" / file, portrait)
            write_session(run, idx, portrait, name=client, personal_info=client)
    return output / "results"


def test_own_sessions_become_a_set_that_can_be_trained_on(runs, sources, llava):
    (runs / "second/sessions/b/faces/03.png").unlink()
    building = build(sources, source="runs", runs="results/first, results/second", table="")
    assert sorted(one.idx for one in building.painted.kept) == ["first-a", "first-b", "second-a"]
    named = {one.idx: (one.step, one.reason) for one in building.dropped if one.step != "portrait"}
    assert named == {
        "second-b": ("read", "damaged"), "first-c": ("match", "test_person"), "second-c": ("match", "test_person"),
    }  # fmt: skip
    folder = building.settings.set_folder
    table = pd.read_csv(folder / "dialogues.csv", dtype=str)
    assert set(table[table["split"] == "train"]["person"]) == {"110", "112"}  # as the table of portraits calls them
    for record in json.loads((folder / "mirror_planning.json").read_text()):
        idx, turn, _ = record["question_id"].split(":")
        with Image.open(folder / "images" / record["image"]) as picture:
            assert picture.convert("RGB").getpixel((0, 0))[0] == 10 * (int(turn) // 2 + 1), "another turn's face"
    for cot in ("base", "planning", "ec", "ec_planning"):
        file = folder / f"mirror_{cot}.json"
        found = load_training_set(file, folder / "images", llava, 4096, 0.0, "refuse", 0, cot)
        assert len(found.train) > 10


def test_own_sessions_alone_need_no_portraits_and_load_no_painter(runs, output, monkeypatch):
    monkeypatch.setattr(casting, "build_painter", None)
    changes = {"portraits": "nowhere", "portrait_table": "", "test_table": "", "painter": "nobody/nothing"}
    building = build(output, source="runs", runs="results/first", table="", **changes)
    assert [one.idx for one in building.painted.kept] == ["first-a", "first-b", "first-c"]
    card = (building.settings.set_folder / "README.md").read_text()
    assert "| runs | results/first; sessions: all |" in card


def test_a_session_of_a_test_clients_profile_is_left_out(runs, sources, output):
    test = pd.read_csv(sources / "test_clients.csv", dtype=str).iloc[0]
    texts = {"personal_info": test["personal_info"], "distorted_thought": test["distorted_thought"]}
    portrait = output / "data/d.png"
    shutil.copyfile(sources / "portraits/114-calm.png", portrait)
    texts["reason"] = test["reason_for_seeking_counseling"]
    write_session(runs / "first", "d", portrait, name="quarry", **texts)
    building = build(sources, source="runs", runs="results/first", table="", stop_after="portraits")
    building.portraits()
    assert {one.idx: one.reason for one in building.matched.training.dropped}["first-d"] == "test_client"


# Screenplays that are written -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_batch_files_are_written_read_back_and_the_build_goes_on(sources, output, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    table = str(profiles(tmp_path / "profiles.csv"))
    changes = {"source": "profiles", "table": table, "writer_model": "some-model", "resistances": "emotional, no"}
    with pytest.raises(BatchPending, match=r"6 requests wait[\s\S]*Upload .6 requests"):
        build(sources, writing="batch", run="batch", **changes)
    folder = output / "results/batch/batch"
    (requests,) = folder.glob("requests-*.jsonl")
    with pytest.raises(BatchPending, match="Without all of its answers"):
        build(sources, writing="batch", run="batch", **changes)
    assert list(folder.glob("requests-*.jsonl")) == [requests], "the requests were written twice"
    run_batch(requests, answer, folder / "answers")
    by_file = build(sources, writing="batch", run="batch", **changes)
    assert len(by_file.painted.kept) == 6
    with OpenAIServer(default=answer) as server:
        asked = build(sources, run="asked", writer_url=server.url, **changes)
    assert len(server.requests) == 6
    apart = ("README.md", "set.json")  # they name the run
    one, other = digests(by_file), digests(asked)
    assert {name: one[name] for name in one if name not in apart} == {
        name: other[name] for name in other if name not in apart
    }


def test_the_estimate_needs_no_answer(sources, output, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    table = str(profiles(tmp_path / "profiles.csv"))
    changes = {"source": "profiles", "table": table, "writer_model": "m", "prices": "m 1/2", "describer": "openai"}
    found = Building(settings(sources, describer_model="m", **changes)).open().estimate().set_index("what")
    assert found.loc["dialogues", "expected"] == "12" and found.loc["pictures to paint", "expected"] == "120"
    assert float(found.loc["dollars for them", "expected"]) > 0
    assert float(found.loc["dollars for descriptions", "expected"]) > 0


# The real painter -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.proof
def test_the_pocket_models_paint_a_set(sources, output, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("MIRROR_OUTPUT", str(output))
    building = Building(settings(sources, dialogues=4, steps=1, on_exhaustion="keep_best", attempts=2)).open()
    checked = building.write()
    assert (checked["reproduced"] == 1).all() and len(building.painted.kept) == 4
    assert building.painted.kept[0].idx == idx_of(34)
    assert PLAN.splitlines()[1] in (building.settings.set_folder / "mirror_planning.json").read_text()
    assert ROOT not in building.settings.set_folder.parents
