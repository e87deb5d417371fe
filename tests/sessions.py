"""One session with every kind of turn, and the steps that write it into a session folder."""

from PIL import Image

from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import AttemptRecord, FaceRecord, Turn
from mirror.transcripts.verdict import Check, Verdict
from tests import ROOT

PASSED = Check(name="safe", passed=True, score=0.1 + 0.2, threshold=0.5, model="nsfw")
FAILED = Check(name="same_person", passed=False, score=1 / 3, threshold=0.62, model="faces")
REJECTED = Verdict(outcome="another_person", checks=(PASSED, FAILED))
ACCEPTED = Verdict(outcome="accepted", checks=(PASSED,))


def attempt(number, which, verdict):
    return AttemptRecord(number=which, seed=2**62 + which, verdict=verdict, file=f"faces/{number:02}-{which}.png")


def full_turn(number, **fields):
    """A turn with every field filled, shown at the second attempt."""
    fields = {
        "number": number,
        "cue": "lowers the eyes",
        "words": "" if number == 1 else f"It was my fault {number}.",
        "client_raw": "Client: [lowers the eyes]\u2028\u0085\n\r\n “fault” \\ 😊",
        "description": {"expression": "sad", "attempts": 1, "rejected": ["a\nb"], "fallback": False},
        "face": FaceRecord(
            file=f"faces/{number:02}.png",
            attempts=(attempt(number, 1, REJECTED), attempt(number, 2, ACCEPTED)),
            chosen=2,
            exhausted=False,
        ),
        "caption": "Looks sad",
        "technique": "Pie Chart",
        "plan": ("Draw it.", "Share it out."),
        "reply": f"I see that {number} weighs on you.",
        "counselor_raw": {"emotion_recognition": "Looks sad", "response": " I see that.\n"},
        "dropped_utterances": 3,
        "tokens": {"client_prompt": 800, "client_completion": 20},
    } | fields
    return Turn(**fields)


def last_turn(number):
    """The client ends the session with it: there is neither face nor reply."""
    return Turn(number=number, cue="nods", words="Thank you.", ended=True, client_raw="[nods] Thank you. [/END]")


def pictures(turn):
    """Another picture for each file of a turn."""
    return {file: Image.new("RGB", (8, 8), (10 * turn.number, 20 * place, 30)) for place, file in enumerate(turn.files)}


def append(session, turn):
    session.append(turn, pictures(turn), {"client": 0.5, "face": 2.0})


def contents(folder):
    """All files but the timings, which no two runs share."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "timings.jsonl")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


TURNS = (full_turn(1), full_turn(2), full_turn(3), last_turn(4))
CLIENT = Profile(
    idx="60",
    personal_info="Ada, 40, a baker",
    resistance="cognitive",
    distorted_thought="I am a failure.",
    reason="I bake nothing well.",
    gender="Woman",
    portraits=(ROOT / "pocket/data/test_images/a.png",),
    name="Ada",
)


def run_to_the_end(folder):
    """What a session does: goes on from the turns that are there."""
    session = SessionFolder(folder)
    if session.ended is None:
        for turn in TURNS[len(session.turns()) :]:
            append(session, turn)
        session.end("complete", "the client ended it")
