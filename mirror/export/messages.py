"""Sessions as chat messages: one session per line, in the form of OpenAI's chat API, pictures by relative path.

The counselor is the assistant, the client is the user. A picture is what the counselor saw in that turn; without it,
the message has the client's words alone. Settings, and with them addresses of servers, are not part of a line.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mirror.files.atomic import write_parts
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

FILE = "messages.jsonl"
SILENT = "(silent)"  # a message must not be empty
Part = dict[str, Any]


def write_messages(folder: Path) -> Path:
    """Writes `messages.jsonl` into the folder of a run, one line per session, atomically.

    Args:
        folder: of the run.

    Returns:
        The path of the file.

    Raises:
        ArmError: the folder holds no counseling run.
        TranscriptError: a transcript is damaged.
    """
    path = folder / FILE
    write_parts(path, message_lines(Arm.read(folder)))
    return path


def message_lines(arm: Arm) -> Iterator[bytes]:
    """Yields the lines of a run's file, in the order of its sessions; each ends with a line feed.

    Raises:
        TranscriptError: a transcript is damaged.
    """
    for session in arm.sessions:
        turns = session.turns()
        line = {
            "id": session.folder.name,
            "run": arm.folder.name,
            "messages": chat_messages(arm, session, turns, _by_path),
            "metadata": session_facts(arm, session, turns),
        }
        yield json.dumps(line, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _by_path(session: SessionFolder, file: str) -> Part:
    """A picture by its path relative to the run's folder."""
    return {"type": "image_url", "image_url": {"url": f"sessions/{session.folder.name}/{file}"}}


def chat_messages(
    arm: Arm, session: SessionFolder, turns: Sequence[Turn], picture: Callable[[SessionFolder, str], Part]
) -> list[dict[str, Any]]:
    """Returns a session as messages of system, user and assistant.

    Args:
        arm: the run.
        session: one of its sessions.
        turns: of the session.
        picture: makes the part of a message that holds a picture, from its file in the session's folder.
    """
    person = arm.person(session.folder.name)
    known = {"Client": person.personal_info, "Reason for seeking counseling": person.reason}
    about = "\n".join(f"{name}: {value}" for name, value in known.items() if value)
    messages: list[dict[str, Any]] = [{"role": "system", "content": about}] if about else []
    for turn in turns:
        messages.append({"role": "user", "content": _said(session, turn, picture)})
        if turn.reply:
            messages.append({"role": "assistant", "content": turn.reply})
    return messages


def _said(
    session: SessionFolder, turn: Turn, picture: Callable[[SessionFolder, str], Part]
) -> str | list[dict[str, Any]]:
    """The client's words with what the counselor saw; words alone are a text."""
    file = shown_file(session, turn)
    cue = f"({turn.seen.words}) " if turn.seen and turn.seen.words else ""
    words = f"{cue}{turn.words}".strip()
    if not file:
        return words or SILENT
    return [picture(session, file), *([{"type": "text", "text": words}] if words else [])]


def shown_file(session: SessionFolder, turn: Turn) -> str:
    """The file of what the counselor saw in a turn; empty if it saw nothing, or the picture is not there."""
    file = turn.seen.file if turn.seen else turn.face.file if turn.face else ""
    return file if file and (session.folder / file).is_file() else ""


def missing_pictures(arm: Arm) -> int:
    """Counts the turns whose picture was recorded and is not there, as in a copy without faces."""
    return sum(
        bool(turn.face) and not shown_file(session, turn) for session in arm.sessions for turn in session.turns()
    )


def session_facts(arm: Arm, session: SessionFolder, turns: Sequence[Turn]) -> dict[str, Any]:
    """Returns what is known of a session beyond its messages: the client, how it ended, and each turn."""
    person, ended = arm.person(session.folder.name), session.ended or {}
    return {
        "resistance": person.resistance,
        "distorted_thought": person.distorted_thought,
        "status": ended.get("status", "open"),
        "reason": ended.get("reason", ""),
        "turns": [_turn_facts(turn) for turn in turns],
    }


def _turn_facts(turn: Turn) -> dict[str, Any]:
    """What the messages do not say of a turn; without entries that are empty."""
    facts: dict[str, Any] = {
        "cue": turn.cue,
        "seen": turn.seen.condition if turn.seen else "",
        "caption": turn.caption,
        "technique": turn.technique,
        "plan": list(turn.plan),
    }
    accepted = {"face_accepted": not turn.face.exhausted} if turn.face else {}
    return {"turn": turn.number} | {name: value for name, value in facts.items() if value} | accepted
