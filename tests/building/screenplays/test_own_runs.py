"""Sessions of own runs as screenplays: every face stays with its turn, and the rule decides which sessions count."""

import shutil
from dataclasses import replace

import pytest
import yaml
from PIL import Image

from mirror.building.screenplays.own_runs import read_runs
from mirror.files.image_file import open_picture
from mirror.transcripts.session_folder import SessionFolder
from tests.sessions import CLIENT, TURNS, append, attempt, full_turn, last_turn
from tests.sessions import REJECTED as VERDICT
from tests.studies import rate


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run without sessions, and the portrait of its clients."""
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    folder = tmp_path / "results/mine"
    (folder / "sessions").mkdir(parents=True)
    (folder / "settings.yaml").write_text(yaml.safe_dump({"cot": "planning", "client": "openai"}))
    (folder / "provenance.json").write_text("{}")
    (tmp_path / "portraits").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "portraits/a.png")
    return folder


def begin(run, idx):
    session = SessionFolder(run / "sessions" / idx)
    session.begin(replace(CLIENT, portraits=(run.parents[1] / "portraits/a.png",)))
    return session


def written(run, idx, *turns):
    session = begin(run, idx)
    for turn in turns:
        append(session, turn)
    session.end("complete", "as the test asked")


@pytest.fixture
def begun(run):
    written(run, "60", *TURNS)
    return run


def test_a_session_becomes_a_screenplay(begun):
    found = read_runs("results/mine", "")
    (one,) = found.kept
    assert not found.dropped
    assert (one.idx, one.client, one.technique, one.plan) == (
        "mine-60",
        "mine-60",
        "Pie Chart",
        ("Draw it.", "Share it out."),
    )
    spoken = [(line.speaker, line.direction, line.words) for line in one.lines]
    assert spoken[:4] == [
        ("client", "lowers the eyes", ""),
        ("therapist", "", "I see that 1 weighs on you."),
        ("client", "lowers the eyes", "It was my fault 2."),
        ("therapist", "", "I see that 2 weighs on you."),
    ]
    assert spoken[6:] == [("client", "nods", "Thank you.")]  # the client ended with it: no reply
    assert one.info.personality == "Cognitive Resistance" and one.info.gender == "woman" and one.info.name == "Ada"
    assert one.portrait.files == (begun.parents[1] / "portraits/a.png",) and one.portrait.name == "a" == one.person


def test_every_face_belongs_to_the_line_of_its_turn(begun):
    (one,) = read_runs("results/mine", "").kept
    assert list(one.pictures) == [0, 2, 4] == list(one.client_lines)
    for number, place in enumerate(one.pictures, 1):
        shown = open_picture(one.pictures[place])
        assert shown.getpixel((0, 0))[0] == 10 * number
        assert one.pictures[place].name == f"{number:02}.png"


def test_a_turn_without_an_accepted_face_is_dropped_alone(run):
    face = full_turn(2).face.model_copy(update={"attempts": (attempt(2, 1, VERDICT),), "chosen": 1, "exhausted": True})
    written(run, "61", full_turn(1), full_turn(2, face=face), full_turn(3), full_turn(4, face=None))
    found = read_runs("results/mine", "")
    (one,) = found.kept
    assert list(one.pictures) == [0, 4] and len(one.lines) == 8
    assert [(d.idx, d.line, d.reason, d.what) for d in found.dropped] == [
        ("mine-61", 2, "no_face", "turn"),
        ("mine-61", 6, "no_face", "turn"),
    ]
    assert "1 another_person" in found.dropped[0].detail and "turn 2" in found.dropped[0].detail


def test_a_recorded_face_is_no_accepted_one(run):
    face = full_turn(2).face.model_copy(update={"attempts": (), "chosen": 0})
    written(run, "61", full_turn(1), full_turn(2, face=face))
    found = read_runs("results/mine", "")
    assert list(found.kept[0].pictures) == [0] and "turn 2: no face was painted" in found.dropped[0].detail


def test_a_turn_without_a_reply_leaves_the_others_where_they_are(run):
    written(run, "60", full_turn(1, reply=""), full_turn(2), last_turn(3))
    (one,) = read_runs("results/mine", "").kept
    assert [line.speaker for line in one.lines] == ["client", "client", "therapist", "client"]
    assert list(one.pictures) == [1] and one.pictures[1].name == "02.png"


def test_what_is_not_as_it_was_written_is_dropped(begun):
    written(begun, "61", *TURNS)
    (begun / "sessions/61/faces/02.png").write_bytes(b"no picture")
    session = begin(begun, "62")
    append(session, full_turn(1))
    session = begin(begun, "63")
    session.end("failed", "no key")
    found = read_runs("results/mine", "")
    assert [one.idx for one in found.kept] == ["mine-60"]
    assert [(one.idx, one.reason) for one in found.dropped] == [
        ("mine-61", "damaged"),
        ("mine-62", "not_complete"),
        ("mine-63", "not_complete"),
    ]
    assert "02.png" in found.dropped[0].detail and "no key" in found.dropped[2].detail


def test_a_portrait_that_is_gone_is_named(begun):
    (begun.parents[1] / "portraits/a.png").rename(begun / "elsewhere.png")
    found = read_runs("results/mine", "")
    assert [(one.reason, "portraits/a.png" in one.detail) for one in found.dropped] == [("no_portrait", True)]


def test_only_sessions_that_fulfil_the_rule_are_taken(begun):
    written(begun, "61", *TURNS)
    rate(begun, {"60": [5, 5], "61": [3, 3]}, instrument="ctrs")
    found = read_runs("results/mine", "ctrs.understanding >= 4 and turns >= 4")
    assert [one.idx for one in found.kept] == ["mine-60"]
    (dropped,) = found.dropped
    assert (dropped.idx, dropped.reason) == ("mine-61", "not_accepted")
    assert "ctrs.understanding is 3" in dropped.detail and ">= 4" in dropped.detail


def test_several_runs_by_a_pattern(begun):
    shutil.copytree(begun, begun.with_name("mine-2"))
    assert [one.idx for one in read_runs("results/mine*", "").kept] == ["mine-2-60", "mine-60"]
    assert read_runs("results/mine-2, results/mine, results/mine*", "") == read_runs("results/mine*", "")


@pytest.mark.parametrize("patterns, message", [("", "names no folder"), ("results/none-*", "none-\\* fits no folder")])
def test_patterns_that_fit_nothing_are_named(begun, patterns, message):
    with pytest.raises(ValueError, match=message):
        read_runs(patterns, "")


def test_two_runs_of_one_name_are_refused(begun, tmp_path):
    shutil.copytree(begun, tmp_path / "other/mine")
    with pytest.raises(ValueError, match="2 folders have the name mine"):
        read_runs("results/mine, other/mine", "")


def test_what_is_no_run_is_named(begun):
    (begun.parent / "mine-not").mkdir()
    with pytest.raises(ValueError, match="mine-not.*settings.yaml"):
        read_runs("results/mine*", "")
