"""A session as plain text for reading."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mirror.files.json_file import read_json
from mirror.transcripts.flags import TurnFlag
from mirror.transcripts.session_folder import SESSION, SessionFolder
from mirror.transcripts.turn import Turn
from mirror.transcripts.verdict import passing_sign

WIDTH = 100  # columns of a printed session
REPLIES = {  # by what the client's trust follows from
    "named": "names the feeling",
    "reflected": "takes up the client's words",
    "ignored": "names no feeling and takes up no words",
    "advised": "advises too early",
    "repeated": "repeats an earlier one",
    "empty": "is empty",
}


def format_session(session: SessionFolder, flags: Sequence[TurnFlag] = ()) -> str:
    """Format a session as plain text, at most `WIDTH` columns wide.

    Args:
        session: the session.
        flags: signs of risk, shown in their turns.
    """
    turns, ended = session.turns(), session.ended
    end = f"{ended['status']}: {ended['reason']}" if ended else "in progress, or stopped"
    head = [("session", [session.folder.resolve().name]), *_client_rows(session.client or {})]
    head += [("turns", [str(len(turns))]), ("end", [end])]
    if told := _remembered(session):
        head.append(("remembers", [told]))
    if limits := {name: limit for turn in turns if turn.face for name, limit in turn.face.limits.items()}:
        shown = (f"{name} {passing_sign(name)} {limit:.3f}" for name, limit in limits.items())
        head.append(("limits", [", ".join(shown)]))
    blocks = [sum((_row(label, paragraphs) for label, paragraphs in head), [])]
    technique = ""
    for turn in turns:
        rows = [_row(label, paragraphs) for label, paragraphs in _turn_rows(turn, turn.technique != technique)]
        rows += [_row("risk", [f"{flag.label}: {flag.words}"]) for flag in flags if flag.turn == turn.number]
        blocks.append([f"{turn.number}.", *sum(rows, [])])
        technique = turn.technique
    return "\n\n".join("\n".join(block) for block in blocks)


def _remembered(session: SessionFolder) -> str:
    """What a later session remembers of those before; empty for a client's first one."""
    path = session.folder / SESSION
    if not path.is_file():
        return ""
    record = read_json(path)
    found = record.get("remembered", {"told": 0, "turns": 0})
    return f"{found['told']} of {found['turns']} turns before" if found["turns"] else "nothing"


def _client_rows(client: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    if client:
        yield "client", [client["personal_info"]]
        yield "resistance", [client["resistance"] or ""]
        yield "reason", [client["reason"]]
        yield "thought", [client["distorted_thought"]]


def _turn_rows(turn: Turn, is_new: bool) -> Iterator[tuple[str, list[str]]]:
    cue = f"[{turn.cue}] " * bool(turn.cue)
    yield "client", [f"{cue}{turn.words or '(silent)'}" + " (ends the session)" * turn.ended]
    if turn.trust:
        after = f", after a reply that {REPLIES.get(turn.trust.after, turn.trust.after)}" * bool(turn.trust.after)
        yield "trust", [f"{turn.trust.points} of 100, {turn.trust.stage}{after}"]
    if turn.face and not turn.face.is_painted:
        yield "face", [f"{turn.face.file} (recorded)"]
    elif turn.face:
        chosen = "none accepted, the best shown: " if turn.face.exhausted else ""
        yield "face", [f"{turn.face.file} ({chosen}attempt {turn.face.chosen} of {len(turn.face.attempts)})"]
        if turn.face.statement:
            yield "", [f"compared with: {turn.face.statement}"]
        for attempt in turn.face.attempts:
            scores = ", ".join(f"{check.name} {check.score:.3f}" for check in attempt.verdict.checks)
            yield "", [f"{attempt.number}: {attempt.verdict.outcome}" + f" ({scores})" * bool(scores)]
    if turn.seen:
        source = f" ({turn.seen.source})" * bool(turn.seen.source) + f": {turn.seen.words}" * bool(turn.seen.words)
        yield "seen", [f"{turn.seen.file}, {turn.seen.condition} in place of the face{source}"]
    if turn.caption:
        yield "caption", [turn.caption]
    if not turn.technique and (answer := turn.counselor_raw.get("planning")) is not None:
        fault = "none, the answer ran out of tokens" if "planning" in turn.cut_off else "none that can be read in"
        yield "plan", [f"{fault}: {answer or '(no answer)'}"]
    if turn.technique and is_new:
        yield "technique", [turn.technique]
        yield "plan", [f"{number}. {step}" for number, step in enumerate(turn.plan, 1)]
    if turn.dropped_utterances or turn.cut_characters:
        missing = [f"the first {turn.dropped_utterances} utterances"] * bool(turn.dropped_utterances)
        missing += [f"the first {turn.cut_characters} characters of the newest one"] * bool(turn.cut_characters)
        yield "context", [f"without {' and '.join(missing)}"]
    if turn.reply:
        yield "counselor", [turn.reply + " (ran out of tokens)" * ("response" in turn.cut_off)]
    if turn.recorded_reply:
        yield "recorded", [turn.recorded_reply]


def _row(label: str, paragraphs: Iterable[str]) -> list[str]:
    """Wrap paragraphs, with the label before the first line; control characters become spaces."""
    shown = ("".join(c if c.isprintable() else " " for c in paragraph) for paragraph in paragraphs)
    lines = [line for paragraph in shown for line in textwrap.wrap(paragraph, WIDTH - 13)]
    return [f"  {label if place == 0 else '':<11}{line}" for place, line in enumerate(lines)]
