"""Damage to the files of a session is noticed and named, whichever file it is and however it was damaged."""

import json
import subprocess
import sys

import pytest

from mirror.models.checkpoint import writing
from mirror.transcripts.integrity import run_faults, session_faults
from mirror.transcripts.session_folder import SessionFolder, TranscriptError
from tests.sessions import CLIENT, TURNS, append


@pytest.fixture
def session(output):
    """A complete session of a run."""
    session = SessionFolder(output / "results/a/sessions/60")
    session.begin(CLIENT)
    for turn in TURNS:
        append(session, turn)
    session.end("complete", "the client ended it")
    return session


FACE = TURNS[0].face.files[0]
DAMAGE = {
    "turns cut": ("turns.jsonl", lambda data: data[: len(data) // 2]),
    "turns emptied": ("turns.jsonl", lambda data: b""),
    "turns missing": ("turns.jsonl", None),
    "last turn gone": ("turns.jsonl", lambda data: b"".join(data.splitlines(True)[:-1])),
    "a byte too many": ("turns.jsonl", lambda data: data + b" "),
    "face missing": (FACE, None),
    "face cut": (FACE, lambda data: data[:-20]),
    "face emptied": (FACE, lambda data: b""),
    "client missing": ("client.json", None),
    "client emptied": ("client.json", lambda data: b""),
    "client no object": ("client.json", lambda data: b"[]"),
    "end emptied": ("end.json", lambda data: b""),
    "end no object": ("end.json", lambda data: b"3"),
    "end without a status": ("end.json", lambda data: b"{}"),
    "times torn": ("timings.jsonl", lambda data: b"{\n" + data),
}


def damage(session, file, change):
    path = session.folder / file
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))


def test_a_session_as_it_was_written_has_no_fault(session):
    assert session_faults(session) == session_faults(session, thorough=True) == []


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named_by_file(session, kind):
    file, change = DAMAGE[kind]
    damage(session, file, change)
    faults = session_faults(session)
    assert faults and all(f"results/a/sessions/60/{file}" in fault for fault in faults)


@pytest.mark.parametrize("file", [FACE, "turns.jsonl", "client.json"])
def test_a_flipped_byte_is_found_by_the_thorough_check(session, file):
    path = session.folder / file
    data = bytearray(path.read_bytes())
    place = data.index(b"sad") if file == "turns.jsonl" else data.index(b"Ada") if file == "client.json" else -20
    data[place] ^= 1
    path.write_bytes(data)
    faults = session_faults(session, thorough=True)
    assert faults == [f"results/a/sessions/60/{file} was changed since the session was complete"]


@pytest.mark.parametrize(
    "old, new", [('"turns": 4', '"turns": 5'), ("the client ended it", "the client endfd it"), ('"bytes"', '"bites"')]
)
def test_an_end_that_was_changed_is_not_believed(session, old, new):
    path = session.folder / "end.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(TranscriptError, match="results/a/sessions/60/end.json was changed since the session ended"):
        _ = session.ended


@pytest.mark.parametrize("files", ["a.png", 3, ["a.png"], {"a.png": 3}, {"a.png": {"bytes": 3}}])
def test_digests_of_another_form_are_damage(session, files):
    path = session.folder / "end.json"
    ending = json.loads(path.read_text())
    del ending["sha256"]
    path.write_text(json.dumps(ending | {"files": files}))
    with pytest.raises(TranscriptError, match="results/a/sessions/60/end.json was changed since the session ended"):
        _ = session.ended


def test_a_session_under_way_must_have_its_faces(output):
    session = SessionFolder(output / "results/a/sessions/60")
    session.begin(CLIENT)
    append(session, TURNS[0])
    assert session_faults(session, thorough=True) == []
    (session.folder / FACE).write_bytes(b"")
    (fault,) = session_faults(session, thorough=True)
    assert fault.startswith(f"results/a/sessions/60/{FACE}")
    (session.folder / FACE).unlink()
    assert session_faults(session) == [f"results/a/sessions/60/{FACE} is missing"]


def test_a_complete_session_that_lost_turns_cannot_be_read(session):
    damage(session, *DAMAGE["last turn gone"])
    with pytest.raises(TranscriptError, match="turns.jsonl holds 3 turns, but the session ended with 4"):
        session.turns()


def test_a_session_of_an_earlier_version_has_no_digests_and_is_read(session):
    path = session.folder / "end.json"
    ending = json.loads(path.read_text())
    path.write_text(json.dumps({name: ending[name] for name in ending.keys() - {"files", "sha256"}}))
    assert session_faults(session, thorough=True) == []
    (session.folder / FACE).unlink()
    assert session_faults(session) == [f"results/a/sessions/60/{FACE} is missing"]


@pytest.mark.slow
def test_one_command_reads_a_whole_run(session, output):
    command = [sys.executable, "-m", "mirror.transcripts.integrity", str(output / "results/a")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "1 sessions, 1 as they were written, 0 damaged\n")
    damage(session, *DAMAGE["face cut"])
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and FACE in done.stdout and "1 damaged" in done.stdout
    assert [name for name, faults in run_faults(output / "results/a") if faults] == ["60"]


@pytest.mark.slow
def test_one_command_reads_a_whole_checkpoint(output):
    with writing(output / "checkpoints/c") as folder:
        (folder / "adapter.bin").write_bytes(b"weights")
    command = [sys.executable, "-m", "mirror.transcripts.integrity", str(output / "checkpoints/c")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "1 checkpoints, 1 as they were written, 0 damaged\n")
    (output / "checkpoints/c/adapter.bin").write_bytes(b"weighty")
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "checkpoints/c/adapter.bin was changed" in done.stdout
