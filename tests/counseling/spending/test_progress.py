"""The progress bar of a run of sessions."""

import io
from types import SimpleNamespace

import pytest
from tqdm import tqdm

from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.progress import Progress
from mirror.counseling.turn import Taken
from mirror.transcripts.turn import FaceRecord, Turn
from tests.parameters import COUNSEL_DEFAULTS
from tests.sessions import ACCEPTED, attempt


def turn(number, ended=False, exhausted=False):
    painted = (attempt(number, 1, ACCEPTED),)
    face = None if ended else FaceRecord(file=f"faces/{number:02}.png", attempts=painted, chosen=1, exhausted=exhausted)
    tokens = {"client_prompt": 1000, "client_completion": 100, "counselor_prompt": 7}
    return Taken(Turn(number=number, cue="", words="", ended=ended, client_raw="", face=face, tokens=tokens), {})


def test_progress_tells_sessions_faces_tokens_and_money():
    chat = {"client": "openai", "client_model": "m", "client_url": "http://x", "prices": "m 2/10"}
    settings = CounselSettings.checked(COUNSEL_DEFAULTS | chat, "parameter")
    with tqdm(total=12, file=io.StringIO()) as bar:
        progress = Progress(bar, settings, sessions=2, ended=0)
        for taken in (turn(1), turn(1, exhausted=True), turn(2), turn(2, ended=True)):
            progress.count(taken)
        assert (bar.n, bar.total) == (4, 8)  # the session that ended at its second turn leaves four of six out
        assert bar.postfix == "1 of 2 sessions, 2 of 3 faces accepted, 4,428 tokens, $0.0120"


def test_the_progress_of_all_sessions_counts_the_faces_and_tokens_of_the_first():
    settings = CounselSettings.checked(COUNSEL_DEFAULTS, "parameter")
    with tqdm(total=6, file=io.StringIO()) as bar:
        first = Progress(bar, settings, sessions=1, ended=0)
        first.count(turn(1, exhausted=True))
    with tqdm(total=12, initial=1, file=io.StringIO()) as bar:
        progress = Progress(bar, settings, sessions=2, ended=1, before=first)
        progress.count(turn(1))
        assert bar.postfix == "1 of 2 sessions, 1 of 2 faces accepted, 2,214 tokens"
        assert first.faces == 1, "the first one's own count stays"


def test_progress_of_a_replay_tells_of_no_accepted_faces_and_knows_the_last_turn():
    settings = CounselSettings.checked(COUNSEL_DEFAULTS, "parameter")
    face = FaceRecord(file="faces/01.png", attempts=(), chosen=0, exhausted=False)
    said = Turn(number=1, cue="", words="Hm.", client_raw="", face=face)
    with tqdm(total=2, file=io.StringIO()) as bar:
        progress = Progress(bar, settings, sessions=2, ended=0)
        progress.count(Taken(said, {}, is_last=True))
        assert bar.postfix == "1 of 2 sessions"


def test_a_tracker_gets_the_numbers_of_each_turn():
    chat = {"client": "openai", "client_model": "m", "client_url": "http://x", "prices": "m 2/10"}
    settings, rows = CounselSettings.checked(COUNSEL_DEFAULTS | chat, "parameter"), []
    with tqdm(total=12, initial=4, file=io.StringIO()) as bar:
        kept = SimpleNamespace(log=lambda step, values: rows.append((step, values)))
        progress = Progress(bar, settings, sessions=2, ended=1, tracker=kept)
        for taken in (turn(1, exhausted=True), turn(2, ended=True)):
            progress.count(taken)
    money = {"tokens": 1107, "dollars": pytest.approx(0.003)}
    assert rows == [(5, {"sessions": 1, "accepted": 0, "attempts": 1} | money), (6, {"sessions": 2} | money)]
