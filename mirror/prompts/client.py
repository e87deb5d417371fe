"""The prompt of a client that a chat model plays: who the person is, and how an utterance is written.

Knows nothing of who plays the client, or of profiles as files.
"""

import re
from pathlib import Path

from mirror.prompts.utterance import Utterance, parse_utterance

FOLDER = Path(__file__).parent
RESISTANCES = ("emotional", "cognitive", "behavioral", "none")
TEMPLATES = (FOLDER / "client.txt", *(FOLDER / f"client.{resistance}.txt" for resistance in RESISTANCES))
END = "[/END]"
BEGIN = "The session begins. You come in and sit down. Show it with one visible cue, and do not speak yet."
SILENCE = "(The counselor says nothing.)"  # no server takes a message without words
UNKNOWN = "(not known)"
EXCHANGES = 2  # full ones, before a client may end the session

_COUNSELORS_LINE = re.compile(
    r"^[ \t\[(>-]*+(?:(?:\*{1,3}|_{1,3})\s*|[^\S\n]*)(?:therapist|counsell?or)\s*+(?:\*{1,3}|_{1,3})?+\s*+:",
    re.IGNORECASE | re.MULTILINE,
)


def client_prompt(personal_info: str, resistance: str, distorted_thought: str, reason: str) -> str:
    """The system prompt of a client. What is not known of the person is said to be so.

    Raises:
        ValueError: an unknown resistance; lists the known ones.
    """
    if resistance not in RESISTANCES:
        raise ValueError(f"unknown resistance {resistance!r}; the known ones are: {', '.join(RESISTANCES)}")
    fields = {"personal_info": personal_info, "distorted_thought": distorted_thought, "reason": reason}
    known = {name: text.strip() or UNKNOWN for name, text in fields.items()}
    return _text("client.txt").format(**known, manner=_text(f"client.{resistance}.txt"), end=END)


def parse_answer(text: str, exchanges: int) -> Utterance | None:
    """The client's utterance in a model's answer; None where the answer holds none.

    What the model wrote in the counselor's place, and all that follows, is cut off. The first utterance is a cue only:
    words that come with it are dropped, and words alone are no utterance. An end that comes too early is dropped; what
    was said with it counts.

    Args:
        exchanges: full ones so far; 0 asks for the first utterance.
    """
    own = _COUNSELORS_LINE.search(text)
    said = parse_utterance(text[: own.start()] if own else text)
    utterance = Utterance(said.cue, said.words if exchanges else "", said.ended and exchanges >= EXCHANGES)
    return utterance if utterance != Utterance("", "") else None


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").removesuffix("\n")
