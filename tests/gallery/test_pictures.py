"""The pictures of a session: their sizes by their number, each a number or the reason why it cannot be shown."""

import base64
import io

import pytest
from PIL import Image

from mirror.benchmarks.synthetic_runs import write_run
from mirror.gallery.pictures import MANY, Sheet, Sizes
from mirror.transcripts.session_folder import SessionFolder


@pytest.fixture
def session(tmp_path):
    write_run(tmp_path / "results/run", ["7"], 2, 5, accepted=0.5, pictures=64)
    return SessionFolder(tmp_path / "results/run/sessions/7")


def size_of(url):
    return Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).size


def test_many_faces_are_smaller_and_of_many_attempts_only_the_verdicts_are_shown(session, monkeypatch):
    turns = session.turns()
    assert Sizes.of(turns * (MANY + 1)).side < Sizes.of(turns).side
    assert Sizes.of(turns).with_attempts
    monkeypatch.setattr("mirror.gallery.pictures.MOST_ATTEMPTS", 1)
    assert not Sizes.of(turns).with_attempts


def test_a_face_and_its_attempts_are_numbers_of_pictures(session):
    sheet, face = Sheet(session, Sizes(32, True)), session.turns()[0].face
    view = sheet.face(face, {"expression": "sad", "contrast": "glad"})
    assert view["picture"] == 0 and size_of(sheet.urls[0]) == (32, 32)
    assert [one["picture"] for one in view["attempts"]] == list(range(1, len(face.attempts) + 1))
    assert (view["expression"], view["contrast"], sheet.faults) == ("sad", "glad", [])
    shown = [one["number"] for one in view["attempts"] if one["chosen"]]
    assert shown == [face.chosen] and view["attempts"][-1]["checks"][0][0::3] == ["unsafe", True]
    without = Sheet(session, Sizes(32, False))
    assert "picture" not in without.face(face, {})["attempts"][0] and len(without.urls) == 1


def test_a_file_that_is_missing_or_no_picture_is_a_sentence(session):
    sheet, faces = Sheet(session, Sizes(32, True)), [turn.face for turn in session.turns()]
    (session.folder / faces[0].file).unlink()
    (session.folder / faces[1].file).write_bytes(b"no picture")
    assert sheet.face(faces[0], {})["picture"] == "faces/01.png is missing"
    assert sheet.face(faces[1], {})["picture"].startswith("faces/02.png: ")
    assert len(sheet.faults) == 2


@pytest.mark.parametrize(
    "name", ["../private.png", "results/../../private.png", "{}/private.png", "/dev/zero", "none.png"]
)
def test_no_file_outside_the_checkout_and_the_output_is_read_for_a_portrait(session, tmp_path, monkeypatch, name):
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path / "output"))
    Image.new("RGB", (16, 16)).save(tmp_path / "private.png")
    sheet = Sheet(session, Sizes(32, True))
    assert (
        sheet.portrait([name.format(tmp_path)])
        == "the portrait is not in this checkout or its output; keep portraits in data/ to see them here"
    )
    assert sheet.urls == []


@pytest.mark.parametrize("names", [None, [], "a.png", [3], {"a": 1}])
def test_a_transcript_that_names_no_portrait_has_none(session, names):
    assert Sheet(session, Sizes(32, True)).portrait(names) is None


def test_a_portrait_of_the_output_is_shown(session, tmp_path, monkeypatch):
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    sheet = Sheet(session, Sizes(32, True))
    assert sheet.portrait(["results/run/sessions/7/faces/01.png"]) == 0 and size_of(sheet.urls[0]) == (64, 64)
