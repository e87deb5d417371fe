"""What the gallery shows of one session: its row in the list, its text and its pictures, as values for JSON."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mirror.clients.lexicon import agrees, read_feelings
from mirror.gallery.pictures import Sheet, Sizes
from mirror.gallery.shown_ratings import ShownComment, ShownRating, by_instrument, scores_by_measure
from mirror.transcripts.arm import Arm, Person
from mirror.transcripts.flags import TurnFlag
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.session_name import client_of, number_of
from mirror.transcripts.turn import AttemptRecord, Turn

AGREES = {1.0: "yes", 0.0: "no"}
SNIPPET = 90  # characters of the client's first words in the list


@dataclass(frozen=True)
class SessionView:
    """What the page shows of one session.

    Attributes:
        row: what the list, its order and its filters need.
        text: all that was said, and what is known of it; names its pictures by their numbers.
        pictures: data URLs.
    """

    row: Mapping[str, Any]
    text: Mapping[str, Any]
    pictures: Sequence[str]


def session_view(
    arm: Arm,
    session: SessionFolder,
    turns: Sequence[Turn],
    flags: Sequence[TurnFlag],
    sizes: Sizes,
    ratings: Sequence[ShownRating],
    run: int = 0,
    comments: Sequence[ShownComment] = (),
) -> SessionView:
    """Returns what the page shows of one session.

    Args:
        arm: the run.
        session: one of its sessions.
        turns: of the session.
        flags: the signs of risk in them.
        sizes: of the pictures.
        ratings: of the session.
        run: the number of the run in the gallery.
        comments: on the session and on its turns.
    """
    ended, sheet, person = session.ended or {}, Sheet(session, sizes), arm.person(session.folder.name)
    last_attempts = [AttemptRecord.model_validate(attempt, strict=False) for attempt in ended.get("attempts", ())]
    text = {
        "about": about(person),
        "reason": person.reason,
        "thought": person.distorted_thought,
        "portrait": sheet.portrait((session.client or {}).get("portraits")),
        "ratings": by_instrument(rating for rating in ratings if not rating.turn),
        "comments": [(one.by, one.words) for one in comments if not one.turn],
        "turns": list(turn_views(sheet, turns, ratings, flags, comments)),
        "lastAttempts": [sheet.attempt(attempt, False) for attempt in last_attempts],
        "ended": ended.get("reason", "it has not ended, or the run was stopped"),
    }
    row = _row(session, turns, ended) | {
        "run": run,
        "name": person.name,
        "resistance": person.resistance or "",
        "flags": sorted({flag.label for flag in flags}),
        "flagged": len({flag.turn for flag in flags if flag.speaker == "client"}),
        "scores": scores_by_measure(ratings),
        "faults": len(sheet.faults),
    }
    return SessionView(row, text, sheet.urls)


def _row(session: SessionFolder, turns: Sequence[Turn], ended: Mapping[str, Any]) -> dict[str, Any]:
    """What the list shows of a session by its turns alone."""
    idx, status = session.folder.name, ended.get("status", "open")
    by_client = "client" if turns and turns[-1].ended else "limit"
    faces = [turn.face for turn in turns if turn.face and turn.face.is_painted]
    words = next((turn.words for turn in turns if turn.words), "(no words yet)")
    said = "\n".join(turn.model_dump_json() for turn in turns)
    return {
        "idx": idx,
        "client": client_of(idx),
        "number": number_of(idx),
        "outcome": by_client if status == "complete" else status,
        "turns": len(turns),
        "faces": len(faces),
        "accepted": sum(not face.exhausted for face in faces),
        "exhausted": sum(face.exhausted for face in faces),
        "attempts": sum(len(face.attempts) for face in faces),
        "snippet": words if len(words) <= SNIPPET else f"{words[: SNIPPET - 1]}…",
        "digest": hashlib.sha256(said.encode()).hexdigest()[:12],
    }


def about(person: Person) -> str:
    """Returns the client's personal information without the name, which is the heading."""
    info = person.personal_info
    return info.removeprefix(f"{person.name}, ") if person.name else info


def turn_views(
    sheet: Sheet,
    turns: Sequence[Turn],
    ratings: Sequence[ShownRating],
    flags: Sequence[TurnFlag],
    comments: Sequence[ShownComment] = (),
) -> Iterator[dict[str, Any]]:
    """Yields what the page shows of each turn; what a turn does not have is left out."""
    technique, plan = "", tuple[str, ...]()
    for turn in turns:
        is_new = bool(turn.technique) and (turn.technique, turn.plan) != (technique, plan)
        technique, plan = turn.technique, turn.plan
        view = {
            "number": turn.number,
            "cue": turn.cue,
            "feelings": ", ".join(read_feelings(turn.cue)),
            "words": turn.words,
            "ended": turn.ended,
            "trust": turn.trust.model_dump() if turn.trust else None,
            "technique": turn.technique,
            "plan": turn.plan if is_new else None,
            "caption": turn.caption,
            "agrees": AGREES.get(agrees(turn.caption, turn.cue)) if turn.caption else None,
            "reply": turn.reply,
            "recorded": turn.recorded_reply,
            "notes": list(_notes(turn)),
            "face": sheet.face(turn.face, turn.description or {}) if turn.face else None,
            "seen": sheet.instead(turn.seen) if turn.seen else None,
            "ratings": [(rating.item, rating.words) for rating in ratings if rating.turn == turn.number],
            "comments": [(one.by, one.words) for one in comments if one.turn == turn.number],
            "flags": [(flag.speaker, flag.label, flag.words) for flag in flags if flag.turn == turn.number],
        }
        yield {name: value for name, value in view.items() if value not in (None, "", [], False)}


def _notes(turn: Turn) -> Iterator[str]:
    """What the counselor did not read of what was said."""
    if turn.dropped_utterances:
        yield f"the counselor did not read the first {turn.dropped_utterances} utterances"
    if turn.cut_characters:
        yield f"the counselor did not read the first {turn.cut_characters} characters of the client's words"
