"""One explored turn with all that the page shows, made without models."""

from dataclasses import replace

from PIL import Image

from mirror.counseling.reply import Reply
from mirror.counseling.turn import Taken
from mirror.exploration.run import Step
from mirror.faces.rejection_sampling import Attempt, FaceRequest, ShownFace
from mirror.faces.view import Seen
from tests.sessions import ACCEPTED, REJECTED, full_turn, last_turn

READ = {"relevance_text": "sad look", "model": "lexicon", "fallback": False}
REPLY = Reply(
    words="I see that.",
    technique="Pie Chart",
    plan=("Draw it.", "Share it out."),
    prompts={"emotion_recognition": "How does she feel?", "response": "What do you say?"},
    raw={"emotion_recognition": "Looks sad", "response": "Therapist: I see that."},
)


def step(verdicts=(REJECTED, ACCEPTED), description=READ, reply=None, seen=None, **fields):
    """The counselor sees the last attempt, or `seen`; `reply` are changes of REPLY, `fields` those of the turn."""
    face = Image.new("RGB", (16, 16), "tan")
    attempts = tuple(Attempt(number, number, face, verdict) for number, verdict in enumerate(verdicts, 1))
    request = FaceRequest("60", 2, "woman", "sad look", "tears", "a smile", (face,))
    turn = full_turn(2, description=description, **fields)
    shown = ShownFace(attempts, attempts[-1], request)
    taken = Taken(turn, {}, shown, seen or Seen(face), replace(REPLY, **(reply or {})))
    return Step(taken, face, {"client": 0.5, "face": 2.0})


def ending():
    """The client ends the session: there is neither face nor reply."""
    return Step(Taken(last_turn(3), {}), Image.new("RGB", (16, 16)), {"client": 0.25})
