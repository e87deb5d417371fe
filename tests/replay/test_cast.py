"""Who takes part in a replay."""

import pytest
from PIL import Image

from mirror.counseling.reply import CounselorRequest, Reply
from mirror.prompts import Utterance
from mirror.replay.cast import RecordedClient, ReplayingCounselor, Unasked, build_replay_cast
from mirror.replay.recording import RecordedTurn, Recording
from mirror.transcripts.turn import Conversation, Turn
from tests.replays import endpoint_configuration, settings
from tests.sessions import CLIENT

TURNS = (
    RecordedTurn("One.", "nods", reply="First."),
    RecordedTurn("Two.", reply="Second."),
    RecordedTurn("Bye.", ended=True),
)
RECORDINGS = {"60": Recording(CLIENT, TURNS, "Hello.")}
TAKEN = tuple(
    Turn(number=n, cue="", words=w, client_raw="", reply=f"Own {n}.", technique="Pie Chart", plan=("Draw.",))
    for n, w in ((1, "One."), (2, "Two."))
)


class Listening:
    """Keeps what a counselor is asked."""

    def __init__(self):
        self.asked = []

    def reply(self, requests):
        self.asked += requests
        return [Reply("Yes.") for _ in requests]

    def warm_up(self, sessions):
        self.sessions = sessions

    def facts(self):
        return {"counselor": {"model": "m"}, "prompts_sha256": "0"}


def test_the_client_says_what_was_recorded_whatever_the_reply():
    client = RecordedClient(RECORDINGS)
    said = client.speak([Conversation(CLIENT, TAKEN[:n], 0) for n in range(3)])
    assert [one.utterance for one in said] == [
        Utterance("nods", "One."), Utterance("", "Two."), Utterance("", "Bye.", ended=True)
    ]  # fmt: skip
    assert said[0].raw == "Client: [nods] One." and said[0].prompt_tokens is None
    assert (
        client.facts()["recordings_sha256"]
        != RecordedClient({"60": Recording(CLIENT, TURNS)}).facts()["recordings_sha256"]
    )


@pytest.mark.parametrize(("history", "replies"), [("recorded", ["First.", "Second."]), ("own", ["Own 1.", "Own 2."])])
def test_the_counselor_reads_the_history_that_is_asked_for_and_keeps_its_own_plan(history, replies):
    listening = Listening()
    counselor = ReplayingCounselor(listening, RECORDINGS, history)
    counselor.reply([CounselorRequest(Conversation(CLIENT, TAKEN, 0), Utterance("", "Bye."), Image.new("RGB", (8, 8)))])
    [request] = listening.asked
    assert request.dialogue == (
        ("therapist", "Hello."), ("client", "One."), ("therapist", replies[0]), ("client", "Two."),
        ("therapist", replies[1]), ("client", "Bye."),
    )  # fmt: skip
    assert request.conversation.turns[-1].plan == ("Draw.",)
    assert counselor.facts() == {"counselor": {"model": "m"}, "prompts_sha256": "0", "history": history}


def test_nobody_is_asked_for_a_face():
    nobody = Unasked()
    nobody.warm_up(3)
    for ask in (nobody.describe, nobody.check, nobody.paint, nobody.verify):
        with pytest.raises(RuntimeError, match="faces are recorded"):
            ask([])


def test_a_cast_without_a_painter_waits_for_the_counselor_alone(tmp_path):
    path = endpoint_configuration(tmp_path, "http://127.0.0.1:9/v1")
    cast = build_replay_cast(settings(check_files=False, configuration=path), RECORDINGS)
    facts = cast.facts()
    assert facts["painter"] == {"class": "mirror.replay.cast.Unasked", "asked": False} == facts["verifier"]
    assert cast.remote == {"counselor"} and facts["view"]["face"] == "shown" and facts["client"]["client"] == "recorded"
