"""The sessions of a run that people rate, and what a form shows of them: texts and faces, and no name of a run."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mirror.files.digests import sha256
from mirror.html_page import picture_url
from mirror.rating.instrument import Instrument
from mirror.transcripts.arm import Arm
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

Faces = Literal["counselor", "client", "none"]
SIDE = 224  # pixels of a face


@dataclass(frozen=True)
class RatedSession:
    """A complete session in which the counselor has spoken.

    Attributes:
        run: the name of the run's folder.
        folder: the session's folder; its name is the client.
        turns: the transcript.
        parts: what is rated: the numbers of the client's turns, or only None for the session as a whole.
    """

    run: str
    folder: SessionFolder
    turns: tuple[Turn, ...]
    parts: tuple[int | None, ...]

    @property
    def idx(self) -> str:
        """The client."""
        return self.folder.folder.name

    @property
    def digest(self) -> str:
        """SHA-256 of the transcript."""
        return sha256(self.folder.folder / "turns.jsonl")


@dataclass(frozen=True)
class ShownTurn:
    """One turn as a form shows it.

    Attributes:
        number: from 1.
        cue: what could be seen of the client; empty if the instrument does not show it.
        words: the client's words.
        ended: whether the client ends the session.
        face: a data URL; empty without a picture.
        reply: the counselor's words.
    """

    number: int
    cue: str
    words: str
    ended: bool
    face: str
    reply: str


def rated_sessions(arm: Arm, instrument: Instrument, most: int = 0) -> list[RatedSession]:
    """Returns the sessions of a run that can be rated, in natural order.

    Args:
        arm: the run.
        instrument: decides whether sessions or turns are rated.
        most: how many of the run's sessions are considered; 0: all.

    Raises:
        TranscriptError: a transcript is damaged.
    """
    found = []
    for folder in arm.sessions[: most or None]:
        if (folder.ended or {}).get("status") != "complete":
            continue
        turns = folder.turns()
        if any(turn.reply for turn in turns) and (parts := tuple(rated_parts(instrument, turns))):
            found.append(RatedSession(arm.folder.name, folder, turns, parts))
    return found


def rated_parts(instrument: Instrument, turns: tuple[Turn, ...]) -> Iterator[int | None]:
    """Yields what is rated of a session, as for a judge: the whole (None), or the turns with words or a cue."""
    if instrument.sees.part == "transcript":
        yield from [None] if instrument.excerpt(turns) else []
        return
    yield from (turn.number for turn in turns if turn.words or (instrument.sees.cues and turn.cue))


def shown_turns(session: RatedSession, instrument: Instrument, faces: Faces) -> list[ShownTurn]:
    """Returns the turns as a form shows them.

    Args:
        session: the session.
        instrument: decides whether cues and faces may be shown.
        faces: `counselor`: what the counselor saw, which may be another picture than the client's face; `client`: the
            face that the client showed; `none`: no pictures.

    Raises:
        PictureError: a face cannot be read.
    """
    has_faces = faces != "none" and instrument.sees.faces != "never"
    return [
        ShownTurn(
            number=turn.number,
            cue=turn.cue if instrument.sees.cues else "",
            words=turn.words,
            ended=turn.ended,
            face=_face(session, turn, faces) if has_faces else "",
            reply=turn.reply,
        )
        for turn in instrument.excerpt(session.turns)
    ]


def _face(session: RatedSession, turn: Turn, faces: Faces) -> str:
    shown = turn.seen if turn.seen and faces == "counselor" else turn.face
    return picture_url(session.folder.folder / shown.file, SIDE) if shown else ""
