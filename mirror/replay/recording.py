"""A recorded conversation: who the client is, and what was said and shown in each turn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mirror.files.digests import content_digest, sha256
from mirror.transcripts.profile import Profile

Speaker = Literal["client", "counselor"]


class RecordingError(ValueError):
    """Recorded conversations that cannot be replayed. The message has one line per fault; `.faults` holds all."""

    def __init__(self, faults: Sequence[str], most: int = 20) -> None:
        self.faults = tuple(faults)
        more = [f"and {len(faults) - most} more faults"] if len(faults) > most else []
        super().__init__("\n".join([*self.faults[:most], *more]))


@dataclass(frozen=True)
class Line:
    """One recorded utterance.

    Attributes:
        speaker: who speaks.
        words: the spoken words; may be empty.
        cue: what could be seen of the speaker; empty if nothing was noted.
        picture: the file of the client's face; None if there is none.
    """

    speaker: Speaker
    words: str
    cue: str = ""
    picture: Path | None = None


@dataclass(frozen=True)
class RecordedTurn:
    """What a client said and showed, and what the recorded counselor replied.

    Attributes:
        words: of the client; empty for a silent one.
        cue: what could be seen of the client; empty if nothing was noted.
        picture: the file of the client's face; None if there is none.
        reply: of the recorded counselor; empty if there was none.
        ended: whether the client ended the session with it; it is not answered then.
    """

    words: str
    cue: str = ""
    picture: Path | None = None
    reply: str = ""
    ended: bool = False


@dataclass(frozen=True)
class Recording:
    """A recorded conversation.

    Attributes:
        profile: the client; what is not known is empty.
        turns: in order, at least one.
        opening: what the counselor said before the client's first turn; may be empty.
    """

    profile: Profile
    turns: tuple[RecordedTurn, ...]
    opening: str = ""


def turns_of(lines: Iterable[Line]) -> tuple[str, tuple[RecordedTurn, ...]]:
    """The counselor's opening and the turns of a conversation; several lines of one speaker in a row are one."""
    opening, turns = "", list[RecordedTurn]()
    for line in _merged(lines):
        if line.speaker == "client":
            turns.append(RecordedTurn(line.words, line.cue, line.picture))
        elif turns:
            last = turns[-1]
            turns[-1] = RecordedTurn(last.words, last.cue, last.picture, line.words)
        else:
            opening = line.words
    return opening, tuple(turns)


def _merged(lines: Iterable[Line]) -> list[Line]:
    """Joins words by a space and cues by a comma; the newest picture counts."""
    found: list[Line] = []
    for line in lines:
        if found and found[-1].speaker == line.speaker:
            before = found.pop()
            words = " ".join(filter(None, [before.words, line.words]))
            cue = ", ".join(filter(None, [before.cue, line.cue]))
            line = Line(line.speaker, words, cue, line.picture or before.picture)
        found.append(line)
    return found


def recordings_digest(recordings: Iterable[Recording]) -> str:
    """SHA-256 of all that was said and shown, pictures included."""
    return content_digest(
        {
            one.profile.idx: [
                one.opening,
                *([t.words, t.cue, t.reply, t.ended, sha256(t.picture) if t.picture else ""] for t in one.turns),
            ]
            for one in recordings
        }
    )
