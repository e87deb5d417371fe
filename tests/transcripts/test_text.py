"""A session printed for reading."""

import json
import os
import subprocess
import sys

import mirror.transcripts.session_folder
import mirror.transcripts.text
from mirror.transcripts.session_folder import SESSION, SessionFolder
from mirror.transcripts.text import format_session
from mirror.transcripts.turn import FaceRecord, TrustRecord
from tests import ROOT
from tests.sessions import (
    CLIENT,
    REJECTED,
    TURNS,
    append,
    attempt,
    contents,
    full_turn,
)


def command(folder):
    return subprocess.run(
        [sys.executable, "-m", "mirror.transcripts", str(folder)],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
    )


def test_a_session_is_printed_for_reading(unbroken):
    done = command(unbroken)
    assert (done.returncode, done.stderr) == (0, "")
    head, first, *_, last = done.stdout.rstrip("\n").split("\n\n")
    assert head.splitlines() == [
        "  session    unbroken",
        "  turns      4",
        "  end        complete: the client ended it",
        "  limits     safe < 0.500, same_person ≥ 0.620",
    ]
    assert first.splitlines() == [
        "1.",
        "  client     [lowers the eyes] (silent)",
        "  face       faces/01.png (attempt 2 of 2)",
        "             1: another_person (safe 0.300, same_person 0.333)",
        "             2: accepted (safe 0.300)",
        "  caption    Looks sad",
        "  technique  Pie Chart",
        "  plan       1. Draw it.",
        "             2. Share it out.",
        "  context    without the first 3 utterances",
        "  counselor  I see that 1 weighs on you.",
    ]
    assert last.splitlines() == ["4.", "  client     [nods] Thank you. (ends the session)"]
    assert done.stdout.count("Pie Chart") == 1


def test_a_session_tells_who_its_client_is(session):
    assert session.client is None
    session.begin(CLIENT)
    append(session, full_turn(1))
    head = format_session(session).split("\n\n")[0].splitlines()
    assert head[1:5] == [
        "  client     Ada, 40, a baker",
        "  resistance cognitive",
        "  reason     I bake nothing well.",
        "  thought    I am a failure.",
    ]
    assert session.client["portraits"] == ["pocket/data/test_images/a.png"]


def test_a_plan_that_cannot_be_read_is_printed_as_such(session):
    append(session, full_turn(1, technique="", plan=(), counselor_raw={"planning": "1.\n2. Perhaps"}))
    assert "\n  plan       none that can be read in: 1. 2. Perhaps\n" in format_session(session)


def test_what_the_counselor_could_not_read_or_say_is_printed(session):
    lost = {"technique": "", "plan": (), "counselor_raw": {"planning": "1. Perh"}, "cut_off": ("planning", "response")}
    append(session, full_turn(1, **lost, dropped_utterances=0, cut_characters=900))
    append(session, full_turn(2, **lost | {"counselor_raw": {"planning": ""}, "cut_off": ()}, cut_characters=7))
    text = format_session(session)
    assert "\n  plan       none, the answer ran out of tokens: 1. Perh\n" in text
    assert "none that can be read in: (no answer)" in text
    assert "without the first 900 characters of the newest one\n" in text
    assert "without the first 3 utterances and the first 7 characters of the newest one\n" in text
    assert "I see that 1 weighs on you. (ran out of tokens)" in text and "2 weighs on you." in text


def test_another_technique_is_printed_where_it_appears(session):
    for number, technique in enumerate(["", "Pie Chart", "Pie Chart", "Continuum"], 1):
        append(session, full_turn(number, technique=technique, plan=("Draw it.",) if technique else ()))
    text = format_session(session)
    assert text.count("technique") == 2
    assert text.index("\n2.\n") < text.index("Pie Chart") < text.index("\n4.\n") < text.index("Continuum")


def test_a_client_without_a_cue_is_printed_without_brackets(session):
    append(session, full_turn(1, cue="", words="No."))
    assert "\n  client     No.\n" in format_session(session)


def test_an_exhausted_search_is_printed_as_such(session):
    face = FaceRecord(file="faces/01.png", attempts=(attempt(1, 1, REJECTED),), chosen=1, exhausted=True)
    append(session, full_turn(1, face=face))
    assert "faces/01.png (none accepted, the best shown: attempt 1 of 1)" in format_session(session)


def test_long_words_are_wrapped_and_commands_to_a_terminal_left_out(session):
    append(session, full_turn(1, words="so " * 100, reply="\x1b[2J" + "z" * 250, plan=("a " * 90,)))
    text = format_session(session)
    assert max(map(len, text.splitlines())) == mirror.transcripts.text.WIDTH == 100
    assert text.split().count("so") == 100 and text.count("z") == 250 and "\x1b" not in text


def test_a_session_under_way_is_printed_and_left_as_it_is(session):
    append(session, TURNS[0])
    with open(session.folder / "turns.jsonl", "a") as file:
        file.write('{"number":2')
    before = contents(session.folder)
    done = command(session.folder)
    assert "in progress" in done.stdout and "\n2." not in done.stdout
    assert contents(session.folder) == before


def test_a_failed_session_is_printed_with_its_reason(session):
    session.end("failed", "https://example.org/verify does not answer")
    assert "failed: https://example.org/verify does not answer" in command(session.folder).stdout


def test_a_folder_without_a_session_is_told(tmp_path):
    done = command(tmp_path)
    assert done.returncode == 2 and f"{tmp_path} is neither a session (" in done.stderr


def test_a_transcript_that_cannot_be_read_is_told_in_one_line(unbroken):
    path = unbroken / "turns.jsonl"
    path.write_text(path.read_text().replace('{"number":2', '{"mood":"low","number":2'))
    done = command(unbroken)
    assert done.returncode == 2 and "mood" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_the_trust_of_a_client_is_printed_in_its_turn(session):
    append(session, full_turn(1, trust=TrustRecord(points=22, stage="closed", after="advised")))
    printed = format_session(session)
    assert "  trust      22 of 100, closed, after a reply that advises too early" in printed


def test_a_later_session_says_how_much_of_the_earlier_ones_it_remembers(tmp_path):
    session = SessionFolder(tmp_path / "7+s2")
    session.begin(CLIENT)
    for record, shown in (({"remembered": {"told": 4, "turns": 9}}, "4 of 9 turns before"), ({}, "nothing")):
        (session.folder / SESSION).write_text(json.dumps(record))
        assert f"  remembers  {shown}" in format_session(session, ()).splitlines()
