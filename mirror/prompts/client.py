"""The prompt with which a chat model plays a client: the person, and the format of an utterance."""

import re
from pathlib import Path

from mirror.prompts.utterance import Utterance, parse_utterance

FOLDER = Path(__file__).parent
RESISTANCES = ("emotional", "cognitive", "behavioral", "none")
TEMPLATES = (FOLDER / "client.txt", *(FOLDER / f"client.{resistance}.txt" for resistance in RESISTANCES))
TRUST = FOLDER / "client.trust.txt"  # of a client whose trust is told to its model
MEMORY = FOLDER / "client.memory.txt"  # of a client that comes back
MANNERS = {  # by stage of trust: how the client speaks
    "closed": "Keep to yourself: answer briefly, tell nothing new about yourself, and take up nothing that is offered.",
    "wavering": "Give a little, one thing about yourself, and hold the rest back until you see how it is received.",
    "open": "Speak openly of what moves you, and consider what is offered, with the doubts that you still have.",
}
CHANGES = {  # by what the last reply did
    "": "Nothing has happened yet to change that.",
    "named": "The last reply saw what you feel. That does you good, and a little of your guard comes down.",
    "reflected": "The last reply took up what you said. You notice it.",
    "ignored": "The last reply went past what you feel and said. You draw back a little.",
    "advised": "The last reply told you what to do before you were ready. You close up.",
    "repeated": "The last reply was one that you had heard before. You doubt that you are being listened to.",
    "empty": "The last reply said nothing. You feel alone with it.",
}
END = "[/END]"
BEGIN = "The session begins. You come in and sit down. Show it with one visible cue, and do not speak yet."
SILENCE = "(The counselor says nothing.)"  # servers reject a message without text
UNKNOWN = "(not known)"
EXCHANGES = 2  # complete exchanges before a client may end the session

_COUNSELORS_LINE = re.compile(
    r"^[ \t\[(>-]*+(?:(?:\*{1,3}|_{1,3})\s*|[^\S\n]*)(?:therapist|counsell?or)\s*+(?:\*{1,3}|_{1,3})?+\s*+:",
    re.IGNORECASE | re.MULTILINE,
)


def client_prompt(personal_info: str, resistance: str, distorted_thought: str, reason: str) -> str:
    """Render the system prompt of a client. Empty texts are rendered as "(not known)".

    Args:
        personal_info: who the client is.
        resistance: one of `RESISTANCES`.
        distorted_thought: the client's distorted thought.
        reason: why the client seeks counseling.

    Raises:
        ValueError: an unknown resistance; the message lists the known ones.
    """
    if resistance not in RESISTANCES:
        raise ValueError(f"unknown resistance {resistance!r}; the known ones are: {', '.join(RESISTANCES)}")
    fields = {"personal_info": personal_info, "distorted_thought": distorted_thought, "reason": reason}
    known = {name: text.strip() or UNKNOWN for name, text in fields.items()}
    return _text("client.txt").format(**known, manner=_text(f"client.{resistance}.txt"), end=END)


def memory_note(session: int, transcript: str) -> str:
    """Render the part of the system prompt of a client that comes back.

    Args:
        session: the number of the session that begins, at least 2.
        transcript: what was said before, as far as it is remembered.
    """
    return MEMORY.read_text(encoding="utf-8").removesuffix("\n").format(session=session, transcript=transcript)


def trust_note(percent: int, stage: str, change: str) -> str:
    """Render the note that tells a client's model how far it trusts the counselor.

    Args:
        percent: the trust, 0…100.
        stage: one of `MANNERS`.
        change: what the last reply did, one of `CHANGES`; empty before the first one.
    """
    return (
        TRUST.read_text(encoding="utf-8")
        .removesuffix("\n")
        .format(percent=percent, stage=stage, change=CHANGES[change], manner=MANNERS[stage])
    )


def parse_answer(text: str, exchanges: int) -> Utterance | None:
    """Parse the client's utterance from a model's answer; None if the answer contains none.

    Text that the model wrote for the counselor is cut off, with everything after it. The first utterance is a cue only:
    its words are dropped, and words alone are no utterance. An end of the session that comes too early is ignored, but
    not the words with it.

    Args:
        text: the answer.
        exchanges: complete exchanges so far; 0 for the first utterance.
    """
    counselor = _COUNSELORS_LINE.search(text)
    parsed = parse_utterance(text[: counselor.start()] if counselor else text)
    utterance = Utterance(parsed.cue, parsed.words if exchanges else "", parsed.ended and exchanges >= EXCHANGES)
    return utterance if utterance != Utterance("", "") else None


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").removesuffix("\n")
