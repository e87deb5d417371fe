"""Transcripts: whatever moment a run dies at, its folder holds a prefix of the unbroken session and goes on from it."""

import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from mirror.files.atomic import write_bytes
from mirror.files.digests import sha256
from mirror.run_folder import RunConflict
from mirror.transcripts.session_folder import SessionFolder, TranscriptError
from mirror.transcripts.turn import AttemptRecord, FaceRecord, Turn
from mirror.transcripts.verdict import Verdict
from tests import ROOT
from tests.sessions import (
    ACCEPTED,
    CLIENT,
    FAILED,
    PASSED,
    REJECTED,
    TURNS,
    append,
    attempt,
    contents,
    full_turn,
    last_turn,
    pictures,
    run_to_the_end,
)

# Writing and reading --------------------------------------------------------------------------------------------------


def test_turns_are_read_as_they_were_written(session):
    assert session.turns() == () and session.ended is None and session.timings() == {}
    for number, turn in enumerate(TURNS, 1):
        append(session, turn)
        assert session.turns() == SessionFolder(session.folder).turns() == TURNS[:number]
    assert session.ended is None


@settings(max_examples=50, deadline=None)
@given(
    words=st.text(), raw=st.dictionaries(st.text(), st.text()), score=st.floats(allow_nan=False, allow_infinity=False)
)
def test_any_words_and_scores_are_read_as_they_were_written(words, raw, score):
    verdict = Verdict(outcome="irrelevant", checks=(FAILED.model_copy(update={"score": score}),))
    face = FaceRecord(file="faces/01.png", attempts=(attempt(1, 1, verdict),), chosen=1, exhausted=True)
    written = full_turn(1, words=words, reply=words, counselor_raw=raw, description=raw, face=face)
    with tempfile.TemporaryDirectory() as folder:
        append(SessionFolder(Path(folder)), written)
        assert SessionFolder(Path(folder)).turns() == (written,)


def test_a_session_is_four_kinds_of_files(unbroken):
    faces = [f"faces/{turn}{attempt}.png" for turn in ("01", "02", "03") for attempt in ("", "-1", "-2")]
    assert set(contents(unbroken)) == {"turns.jsonl", "end.json", *faces}
    assert (unbroken / "timings.jsonl").is_file()


def test_a_turn_is_a_line_that_any_program_can_read(unbroken):
    lines = (unbroken / "turns.jsonl").read_text(encoding="utf-8").split("\n")
    assert lines.pop() == "" and len(lines) == 4
    record = json.loads(lines[1])
    assert set(record) == set(Turn.model_fields) - {"trust", "recorded_reply", "remembered"}  # only where there is one
    assert record["face"]["attempts"][0]["verdict"] == json.loads(REJECTED.model_dump_json())
    assert record["face"]["attempts"][0]["seed"] == 2**62 + 1
    assert "😊" in lines[0]


def test_a_picture_is_the_one_that_was_given(unbroken):
    for turn in TURNS:
        for file, image in pictures(turn).items():
            with Image.open(unbroken / file) as written:
                assert (written.format, written.mode) == ("PNG", "RGB") and written.tobytes() == image.tobytes()


def test_the_bytes_of_a_picture_depend_on_its_pixels_alone(tmp_path):
    """A picture that was opened from a file carries what the file said of it."""
    plain = Image.effect_noise((16, 16), 60).convert("RGB")
    jpeg = io.BytesIO()
    plain.save(jpeg, "JPEG", quality=95, icc_profile=b"profile", comment=b"made by", dpi=(300, 300), exif=b"Exif\0\0II")
    opened = Image.open(jpeg).convert("RGB")
    assert "icc_profile" in opened.info
    bare = Image.frombytes("RGB", opened.size, opened.tobytes())
    written = []
    for name, image in (("a", opened), ("b", bare)):
        session = SessionFolder(tmp_path / name)
        session.append(full_turn(1), dict.fromkeys(pictures(full_turn(1)), image), {})
        written.append(contents(session.folder))
    assert written[0] == written[1]


def test_times_lie_beside_the_transcript(session):
    session.append(TURNS[0], pictures(TURNS[0]), {"client": 0.25, "face": 1.5})
    session.append(TURNS[1], pictures(TURNS[1]), {"client": 0.75})
    assert session.timings() == {1: {"client": 0.25, "face": 1.5}, 2: {"client": 0.75}}
    assert session.elapsed() == {1: 1.75, 2: 0.75}


def test_turns_that_overlap_have_a_share_of_the_time_that_passed(session):
    session.append(TURNS[0], pictures(TURNS[0]), {"client": 0.25, "face": 1.5}, 0.5)
    assert session.elapsed() == {1: 0.5} and session.timings() == {1: {"client": 0.25, "face": 1.5}}
    line = json.loads((session.folder / "timings.jsonl").read_text())
    (session.folder / "timings.jsonl").write_text(json.dumps(line | {"elapsed": "soon"}) + "\n")
    with pytest.raises(TranscriptError, match="line 1: is not the times of a turn"):
        session.elapsed()


def test_what_the_describer_gave_is_the_same_in_memory_and_on_disk(session):
    described = full_turn(1, description={"expression": "sad", "rejected": ("a", "b")})
    append(session, described)
    assert described.description == session.turns()[0].description == {"expression": "sad", "rejected": ["a", "b"]}


def test_the_end_says_how_and_after_how_many_turns(unbroken):
    ended = SessionFolder(unbroken).ended
    files, _ = ended.pop("files"), ended.pop("sha256")
    assert ended == {"status": "complete", "reason": "the client ended it", "turns": 4}
    assert files.keys() == contents(unbroken).keys() - {"end.json"}
    assert all(files[file]["sha256"] == sha256(unbroken / file) for file in files)


def test_nothing_follows_a_complete_session(unbroken):
    before = contents(unbroken)
    with pytest.raises(RuntimeError, match="the session is complete; nothing can follow"):
        append(SessionFolder(unbroken), full_turn(5))
    with pytest.raises(RuntimeError, match="complete"):
        SessionFolder(unbroken).end("failed", "the service is down")
    assert contents(unbroken) == before


def test_the_attempts_of_a_turn_that_found_no_face_are_kept(session):
    append(session, TURNS[0])
    tried = (attempt(2, 1, REJECTED), attempt(2, 2, REJECTED))
    images = {one.file: Image.new("RGB", (4, 4), "red") for one in tried}
    session.end("failed", "none of 2 faces was accepted", tried, images)
    assert session.ended["turns"] == 1 and session.turns() == TURNS[:1]
    assert [AttemptRecord.model_validate(record) for record in session.ended["attempts"]] == list(tried)
    assert all((session.folder / one.file).is_file() for one in tried)


def test_a_failed_session_goes_on_and_ends_as_an_unbroken_one(session, unbroken):
    append(session, TURNS[0])
    tried = (attempt(2, 1, REJECTED), attempt(2, 9, REJECTED))
    session.end("failed", "none was accepted", tried, {one.file: Image.new("RGB", (4, 4)) for one in tried})
    for turn in TURNS[1:]:
        append(session, turn)
        assert session.ended is None
    session.end("complete", "the client ended it")
    assert contents(session.folder) == contents(unbroken)


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 3])
def test_a_turn_that_is_not_the_next_is_refused(number, session):
    """Such as that of a second process that works on the same session."""
    append(session, TURNS[0])
    before = contents(session.folder)
    with pytest.raises(ValueError, match=f"turns.jsonl holds 1 turns; turn {number} is not the next"):
        append(session, full_turn(number))
    assert contents(session.folder) == before


@pytest.mark.parametrize("change", [{}, {"faces/01-2.png": None}, {"faces/01-3.png": Image.new("RGB", (4, 4))}])
def test_a_turn_comes_with_the_pictures_that_it_names(change, session):
    images = pictures(TURNS[0]) | change if change else {}
    images = {file: image for file, image in images.items() if image}
    with pytest.raises(ValueError, match="images and record must name the same files"):
        session.append(TURNS[0], images, {})
    assert not session.folder.exists()


@pytest.mark.parametrize("file", ["01.png", "../01.png", "faces/../../01.png", "faces/1.png", "/faces/01.png"])
def test_a_picture_lies_in_the_folder_of_faces(file):
    with pytest.raises(ValidationError):
        attempt(1, 1, ACCEPTED).model_validate({"number": 1, "seed": 1, "verdict": ACCEPTED, "file": file})


NAN = Verdict(outcome="accepted", checks=(PASSED.model_copy(update={"score": float("nan")}),))


@pytest.mark.parametrize(
    "fields, fault",
    [
        ({"face": FaceRecord(file="faces/01.png", attempts=(attempt(1, 1, NAN),), chosen=1, exhausted=False)}, "score"),
        ({"reply": "half an emoji: \ud83d"}, "surrogates not allowed"),
    ],
    ids=["no number", "no text"],
)
def test_a_turn_that_could_not_be_read_again_is_not_written(fields, fault, session):
    written = full_turn(1, **fields)
    with pytest.raises(ValueError, match=fault):
        append(session, written)
    assert not session.folder.exists()


def damaged(folder, change):
    path = folder / "turns.jsonl"
    lines = path.read_bytes().split(b"\n")
    record = json.loads(lines[1])
    change(record)
    lines[1] = json.dumps(record).encode()
    path.write_bytes(b"\n".join(lines))
    return folder


@pytest.mark.parametrize(
    "change, field",
    [
        (lambda record: record.update(mood="low"), "mood"),
        (lambda record: record["face"].update(lens=3), "face: lens"),
        (lambda record: record["face"]["attempts"][0].update(steps=50), "face: attempts: 0: steps"),
        (lambda record: record["face"]["attempts"][0]["verdict"].update(age=34), "verdict: unknown: age"),
        (lambda record: record["face"]["attempts"][0]["verdict"]["checks"][0].update(by="x"), "checks: 0: by"),
    ],
    ids=["turn", "face", "attempt", "verdict", "check"],
)
def test_a_transcript_of_a_later_version_is_refused(change, field, unbroken):
    with pytest.raises(TranscriptError) as error:
        SessionFolder(damaged(unbroken, change)).turns()
    assert "turns.jsonl: line 2: is not a turn of this version" in str(error.value)
    assert field in str(error.value) and "a newer version wrote it" in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("cue"),
        lambda record: record.update(tokens={"client_prompt": "many"}),
        lambda record: record["face"].update(chosen=None),
        lambda record: record.update(number=0),
    ],
)
def test_a_damaged_transcript_is_refused(change, unbroken):
    with pytest.raises(TranscriptError, match=r"line 2: .* the file was changed or damaged"):
        SessionFolder(damaged(unbroken, change)).turns()


def test_a_line_that_is_no_json_is_refused(unbroken):
    (unbroken / "turns.jsonl").write_bytes(b"\0\0\0\n")
    with pytest.raises(TranscriptError, match=r"line 1: .*invalid JSON.* the file was changed or damaged"):
        SessionFolder(unbroken).turns()


def test_a_transcript_that_lacks_a_line_is_refused(unbroken):
    lines = (unbroken / "turns.jsonl").read_bytes().split(b"\n")
    (unbroken / "turns.jsonl").write_bytes(b"\n".join([lines[0], *lines[2:]]))
    with pytest.raises(TranscriptError, match="line 2: holds turn 3; lines were lost or inserted"):
        SessionFolder(unbroken).turns()


# Kills ----------------------------------------------------------------------------------------------------------------


def test_a_line_torn_at_any_byte_is_dropped_and_never_glued_to_the_next(session):
    append(session, TURNS[0])
    path = session.folder / "turns.jsonl"
    whole = path.read_bytes()
    following = last_turn(2).model_copy(update={"words": "Danke, Zoë 😊"})
    append(session, following)
    line = path.read_bytes().removeprefix(whole)
    for end in range(1, len(line)):
        path.write_bytes(whole + line[:end])
        assert session.turns() == TURNS[:1]
        assert path.stat().st_size == len(whole) + end, "reading changes nothing"
        if end % 50 == 1 or end == len(line) - 1:
            append(session, following)
            assert path.read_bytes() == whole + line


def test_a_torn_first_line_is_no_turn(session):
    write_bytes(session.folder / "turns.jsonl", b'{"number":1,')
    assert session.turns() == ()
    append(session, TURNS[0])
    assert session.turns() == TURNS[:1]


def test_a_torn_line_of_times_is_dropped(session):
    append(session, TURNS[0])
    with open(session.folder / "timings.jsonl", "a") as file:
        file.write('{"turn": 2, "sec')
    assert set(session.timings()) == {1}
    append(session, TURNS[1])
    assert set(session.timings()) == {1, 2}


def test_pictures_of_a_turn_that_is_not_there_go_with_the_next_write(session):
    append(session, TURNS[0])
    stray = ["faces/02-1.png", "faces/02-7.png", "faces/.02.png.77.partial", ".end.json.77.partial"]
    for name in stray:
        write_bytes(session.folder / name, b"half")
    assert session.turns() == TURNS[:1]
    assert all((session.folder / name).exists() for name in stray), "reading changes nothing"
    append(session, last_turn(2))
    assert set(contents(session.folder)) == {"turns.jsonl", *TURNS[0].face.files}


def test_pictures_of_a_turn_that_is_not_there_go_with_the_end(session):
    append(session, TURNS[0])
    write_bytes(session.folder / "faces/02-1.png", b"half")
    session.end("failed", "the client's model does not answer")
    assert set(contents(session.folder)) == {"turns.jsonl", "end.json", *TURNS[0].face.files}


KILLED_AT_EVERY_WRITE = """
    import os, pathlib, signal, sys
    sys.path.insert(0, {root!r})
    from tests.sessions import run_to_the_end

    WRITES = ("os.rename", "os.truncate", "os.remove", "os.mkdir")
    fatal = left = 0
    os.fsync = lambda file: None  # what a process wrote outlives it; only the machine's end asks for more

    def count(event, arguments):
        global left
        is_open = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wa+x")
        if fatal and (is_open or event in WRITES):
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    folder, killed = pathlib.Path(sys.argv[1]), True
    while killed:
        fatal += 1
        child = os.fork()
        if not child:
            left = fatal
            run_to_the_end(folder / str(fatal))
            os._exit(0)
        killed = os.waitpid(child, 0)[1] == signal.SIGKILL
        print(fatal)
        if fatal > 500:
            break
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_before_any_write_a_session_goes_on_as_if_it_had_not_been(tmp_path, unbroken, monkeypatch):
    """A process a write: each dies one write later than the one before, until one comes to the end."""
    monkeypatch.setattr(os, "fsync", lambda file: None)
    script = textwrap.dedent(KILLED_AT_EVERY_WRITE).format(root=str(ROOT))
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    *killed, last = map(int, done.stdout.split())
    assert last > 40, done.stderr
    assert contents(tmp_path / str(last)) == contents(unbroken)
    seen = set()
    for number in killed:
        session = SessionFolder(tmp_path / str(number))
        turns = session.turns()
        seen.add((len(turns), session.ended is not None))
        assert turns == TURNS[: len(turns)]
        assert all((session.folder / file).stat().st_size for turn in turns if turn.face for file in turn.face.files)
        assert session.ended is None or len(turns) == len(TURNS)
        run_to_the_end(session.folder)
        assert contents(session.folder) == contents(unbroken), number
    assert seen == {(count, False) for count in range(5)} | ({(4, True)} & seen)


def test_killed_while_it_works_a_session_goes_on_where_it_was(tmp_path, unbroken):
    script = f"""
        import pathlib, sys
        sys.path.insert(0, {str(ROOT)!r})
        from mirror.transcripts.session_folder import SessionFolder
        from tests.sessions import TURNS, append, pictures
        session = SessionFolder(pathlib.Path(sys.argv[1]))
        for turn in TURNS[:2]:
            append(session, turn)
        print("two", flush=True)
        while True:  # paints for ever
            for file, image in pictures(TURNS[2]).items():
                session._write_images({{file: image}})
    """
    folder = tmp_path / "7"
    command = [sys.executable, "-c", textwrap.dedent(script), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "two\n"
        while not (folder / "faces/03.png").exists():
            assert process.poll() is None
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert SessionFolder(folder).turns() == TURNS[:2]
    run_to_the_end(folder)
    assert contents(folder) == contents(unbroken)


def test_another_client_of_the_same_name_is_refused(session):
    session.check_client(CLIENT)
    session.begin(CLIENT)
    session.check_client(replace(CLIENT, portraits=(Path("elsewhere.png"),)))
    before = contents(session.folder)
    with pytest.raises(
        RunConflict, match="another client 60: resistance was 'cognitive' and is 'emotional'; restore the"
    ):
        session.check_client(replace(CLIENT, resistance="emotional"))
    assert contents(session.folder) == before


# Faces ahead of their turn --------------------------------------------------------------------------------------------


def begun(folder):
    session = SessionFolder(folder)
    session.begin(CLIENT)
    append(session, TURNS[0])
    return session


def test_faces_written_ahead_make_no_turn_and_change_no_byte(tmp_path):
    session, images = begun(tmp_path / "ahead"), pictures(TURNS[1])
    session.write_faces(images)
    assert len(session.turns()) == 1 and (session.folder / TURNS[1].face.file).is_file()
    written = (session.folder / TURNS[1].face.file).stat().st_mtime_ns
    session.append(TURNS[1], images, {"client": 0.5})
    assert (session.folder / TURNS[1].face.file).stat().st_mtime_ns == written
    append(begun(tmp_path / "at once"), TURNS[1])
    assert contents(tmp_path / "ahead") == contents(tmp_path / "at once")


def test_other_faces_than_those_written_ahead_are_written_with_the_turn(tmp_path):
    session = begun(tmp_path / "other")
    session.write_faces({file: Image.new("RGB", (8, 8), "red") for file in pictures(TURNS[1])})
    append(session, TURNS[1])
    append(begun(tmp_path / "at once"), TURNS[1])
    assert contents(tmp_path / "other") == contents(tmp_path / "at once")


def test_faces_written_ahead_of_a_turn_that_fails_are_removed(tmp_path):
    session = begun(tmp_path)
    session.write_faces(pictures(TURNS[1]))
    session.end("failed", "RuntimeError: 429")
    assert not (tmp_path / TURNS[1].face.file).exists() and (tmp_path / TURNS[0].face.file).is_file()
    append(session, TURNS[1])
    assert len(session.turns()) == 2


def test_nothing_is_written_ahead_into_a_complete_session(tmp_path):
    session = begun(tmp_path)
    session.end("complete", "1 turn")
    with pytest.raises(RuntimeError, match="the session is complete"):
        session.write_faces(pictures(TURNS[1]))
