"""What a form shows of sessions: the faces as asked, the cues that the instrument allows, complete sessions only."""

import pytest
from PIL import Image

from mirror.html_page import picture_url
from mirror.rating.forms.sessions import SIDE, rated_parts, rated_sessions, shown_turns
from mirror.rating.instrument import read_instrument
from mirror.rating.questions import session_cases
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import SeenRecord
from tests.rated_runs import turn, write_run

CTRS, RESISTANCE = read_instrument("ctrs"), read_instrument("resistance")


@pytest.fixture
def arm(output):
    """Two turns with faces; in the second one the counselor saw a gray square."""
    folder = write_run(output, clients=("60",), faces=True)
    session = SessionFolder(folder / "sessions/61")
    session.append(*turn("61", 1, "Yes.", True), {})
    second, pictures = turn("61", 2, "No.", True)
    gray = "faces/02-seen.png"
    seen = second.model_copy(update={"seen": SeenRecord(condition="blank", file=gray)})
    session.append(seen, pictures | {gray: Image.new("RGB", (8, 8), "gray")}, {})
    session.end("complete", "as the test asked")
    return Arm.read(folder)


@pytest.mark.parametrize("faces, file", [("counselor", "02-seen.png"), ("client", "02.png")])
def test_faces_are_those_that_the_counselor_or_the_client_had(faces, file, arm):
    (_, session) = rated_sessions(arm, CTRS)
    first, second = shown_turns(session, CTRS, faces)
    pictures = session.folder.folder / "faces"
    assert first.face == picture_url(pictures / "01.png", SIDE) != ""
    assert second.face == picture_url(pictures / file, SIDE)


def test_without_faces_there_are_none(arm):
    never = CTRS.model_copy(update={"sees": CTRS.sees.model_copy(update={"faces": "never", "cues": False})})
    for instrument, faces in ((CTRS, "none"), (never, "counselor")):
        for session in rated_sessions(arm, instrument):
            shown = shown_turns(session, instrument, faces)
            assert all(one.face == "" for one in shown)
            assert [one.cue for one in shown] == (["looks down"] * 2 if instrument is CTRS else ["", ""])
            assert [one.words for one in shown] == [one.words for one in session.turns]


@pytest.mark.parametrize("status", ["failed", "complete"])
def test_only_complete_sessions_are_rated(status, output):
    arm = Arm.read(write_run(output, status=status))
    assert [one.idx for one in rated_sessions(arm, CTRS)] == (["60", "61"] if status == "complete" else ["60"])
    assert [one.idx for one in rated_sessions(arm, CTRS, most=1)] == ["60"]


@pytest.mark.parametrize("instrument", [CTRS, RESISTANCE])
def test_people_rate_what_a_judge_rates(instrument, arm):
    """Also of turns in which the client says nothing, or shows nothing."""
    (session, _) = rated_sessions(arm, instrument)
    for changes in ({}, {"cue": ""}, {"words": ""}, {"cue": "", "words": ""}):
        turns = (session.turns[0], session.turns[1].model_copy(update=changes))
        cases = session_cases(instrument, session.folder, turns, False)
        assert list(rated_parts(instrument, turns)) == [case.turn for case in cases]
