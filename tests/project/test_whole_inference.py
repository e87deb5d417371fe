"""The whole inference over the network: both services in processes of their own, chat models behind the wire format.

The chat server fails in every way that vendors do. Every session completes or is reported, and nothing is lost.
"""

import json
import threading

import pytest

from mirror.counseling.run import Counseling, SessionsFailed
from mirror.counseling.settings import CounselSettings
from mirror.paths import input_path
from mirror.prompts.client import BEGIN
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.session_folder import SessionFolder
from tests.openai_server import Body, Dropped, OpenAIServer, Status, Text
from tests.parameters import COUNSEL_DEFAULTS
from tests.servers import started_service, until

PROFILES = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))[:4]
SMALL = {"sessions": 4, "max_turns": 3, "attempts": 2, "steps": 1, "merge_step": 0, "max_new_tokens": 8, "seed": 5}
LAST = "Thank you, that is enough for today. [/END]"


def slowly(clients):
    """An answer that comes after another client's first question."""
    until(lambda: {client for client, turn in clients.asked if turn == 1} - {"61"})


# What happens to the first request of a client's turn, before it is answered as it should be.
FAULTS = {
    ("60", 1): Status(429, "slow down", retry_after=0.2),
    ("60", 2): Status(500),
    ("61", 1): slowly,
    ("61", 2): Dropped(),
    ("62", 1): Body(b'{"choices": [{"mess'),
    ("62", 2): Text(""),
    ("62", 3): Dropped(after=30),
}


class Clients:
    """The chat server's part: plays all clients, each fault once; the `hopeless` are refused at their second turn."""

    def __init__(self, hopeless):
        self.hopeless, self.asked, self.lock = hopeless, [], threading.Lock()

    def __call__(self, request):
        messages = request.body["messages"]
        client = next(p.idx for p in PROFILES if p.personal_info in messages[0]["content"])
        turn = sum(message["role"] == "assistant" for message in messages) + 1
        with self.lock:
            is_first = (client, turn) not in self.asked
            self.asked.append((client, turn))
        if client in self.hopeless and turn == 2:
            return Status(400, "this model is not for you")
        fault = FAULTS.get((client, turn)) if is_first else None
        fault = fault(self) if callable(fault) else fault
        words = {1: "", 2: "Why should I talk to you?", 3: LAST if client == "61" else "It never helps."}[turn]
        return fault or Text(f"Client: [looks away and frowns] {words}")


@pytest.fixture
def services(tmp_path, monkeypatch):
    """Both services at work, named to this process as a user would name them."""
    folders = tmp_path / "verification", tmp_path / "description"
    for folder in folders:
        folder.mkdir()
    with (
        started_service("verification", folders[0]) as (_, filter_url),
        started_service("description", folders[1]) as (_, url),
    ):
        monkeypatch.setenv("IMG_VERIFICATION_URL", filter_url)
        monkeypatch.setenv("IMG_DESCRIPTION_URL", f"{url}/describe")
        yield


def settings(**changes):
    return CounselSettings.checked(COUNSEL_DEFAULTS | SMALL | changes, "parameter")


@pytest.mark.slow
def test_every_session_completes_or_is_reported_and_only_that_one_is_tried_again(services, output):
    clients = Clients(hopeless=["63"])
    with OpenAIServer(default=clients) as server:
        found = settings(client="openai", client_model="m", client_url=server.url, cot="ec", concurrency=4)
        counsel = Counseling(found)
        assert (found.verifier, found.describer) == ("http", "http")
        with pytest.raises(SessionsFailed, match=r"1 of 4 sessions failed:\n  63: ChatError: .*this model is not for"):
            counsel.counsel()
        sessions = {p.idx: SessionFolder(counsel.run.folder / "sessions" / p.idx) for p in PROFILES}
        assert {idx: len(session.turns()) for idx, session in sessions.items()} == {"60": 3, "61": 3, "62": 3, "63": 1}
        assert sessions["61"].ended["reason"] == "the client ended it"
        assert all(clients.asked.count(place) >= 2 for place in FAULTS if FAULTS[place] is not slowly)
        check_transcripts(sessions, counsel)
        before, clients.hopeless, clients.asked = contents(counsel, "60", "61", "62"), [], []
        table = Counseling(found).counsel()
        assert set(table.status) == {"complete"} and set(clients.asked) == {("63", 2), ("63", 3)}
        assert contents(counsel, "60", "61", "62") == before
        assert len(sessions["63"].turns()) == 3
    for request in server.requests:
        roles = [message["role"] for message in request.body["messages"]]
        assert roles[:2] == ["system", "user"] and request.body["messages"][1]["content"] == BEGIN
        assert "Client: Client:" not in json.dumps(request.body)


def check_transcripts(sessions, counsel):
    turns = [turn for session in sessions.values() for turn in session.turns() if not turn.ended]
    for turn in turns:
        assert turn.cue == "looks away and frowns" and turn.caption and turn.reply
        assert turn.description["model"] == "lexicon" and turn.face.attempts
        assert turn.tokens["client_prompt"] > 0 < turn.tokens["counselor_completion"]
        assert {check.name for check in turn.face.attempts[0].verdict.checks} >= {"safe", "relevant"}
    cast = counsel.run.provenance["cast"]
    assert cast["verifier"]["service"]["facts"]["identity"]["threshold"] > 0
    assert cast["describer"]["service"]["facts"]["describer"] == "lexicon"
    assert cast["client"]["model"] == "m"


def contents(counsel, *clients):
    folders = [counsel.run.folder / "sessions" / client for client in clients]
    return {str(p): p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("sees_face", [True, False])
def test_a_chat_model_counsels_by_the_same_protocol(output, monkeypatch, sees_face):
    for variable in ("IMG_VERIFICATION_URL", "IMG_DESCRIPTION_URL"):
        monkeypatch.delenv(variable, raising=False)
    with OpenAIServer(default=Text("Therapist: That sounds hard. What would help?")) as server:
        server.answers(Status(429, retry_after=0.1), Status(503), Body(b"<html>busy</html>"))
        chat = {"counselor": "openai", "counselor_model": "k", "counselor_url": server.url, "sees_face": sees_face}
        counsel = Counseling(settings(**chat, sessions=2, max_turns=2))
        assert set(counsel.counsel().status) == {"complete"}
    turns = [turn for profile in counsel.profiles for turn in counsel.session(profile).turns()]
    assert [turn.reply for turn in turns] == ["That sounds hard. What would help?"] * 4
    assert not turns[0].words and turns[0].face  # the opening is a silent client's, in this arm as in every other
    for request in server.requests:
        (message,) = request.body["messages"]
        kinds = [part["type"] for part in message["content"]] if isinstance(message["content"], list) else ["text"]
        assert kinds == (["image_url", "text"] if sees_face else ["text"])
        assert not any(turn.cue in request.words for turn in turns), "the counselor must never read the cue"
