"""The prompt with which a chat model plays a client: the person, and the format of an utterance."""

import re
from pathlib import Path

from mirror.prompts.utterance import Utterance, parse_utterance

FOLDER = Path(__file__).parent
RESISTANCES = ("emotional", "cognitive", "behavioral", "none")
TEMPLATES = (FOLDER / "client.txt", *(FOLDER / f"client.{resistance}.txt" for resistance in RESISTANCES))
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
