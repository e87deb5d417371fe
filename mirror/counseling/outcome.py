"""How sessions ended: each of them, and a run that its budget stopped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mirror.counseling.turn import attempt_records
from mirror.faces.rejection_sampling import FaceError
from mirror.transcripts.session_folder import Picture, SessionFolder
from mirror.transcripts.turn import AttemptRecord

Status = Literal["complete", "failed", "open"]


@dataclass(frozen=True)
class Outcome:
    """How one session ended.

    Attributes:
        idx: the client; of a later session its name, such as `7+s2`.
        turns: number of turns.
        status: `complete` if the client ended it or the turns are used up; `failed`; `open` if the budget was used up.
        reason: what ended it; of a failed session, the error, or that the one before it failed; of an open one, the
            budget.
    """

    idx: str
    turns: int
    status: Status
    reason: str


@dataclass(frozen=True)
class Failure:
    """Why a session has no further turn.

    Attributes:
        reason: the type of the error and its message.
        attempts: faces that were painted for the turn in vain.
        images: their pictures, by the file that each record names.
    """

    reason: str
    attempts: tuple[AttemptRecord, ...] = ()
    images: Mapping[str, Picture] = field(default_factory=dict)

    @classmethod
    def of(cls, error: Exception, number: int) -> "Failure":
        """The failure of the turn of this number; faces that were painted for it are kept."""
        records, images = attempt_records(number, error.attempts if isinstance(error, FaceError) else ())
        return cls(f"{type(error).__name__}: {error}", records, images)


def stopped_at(outcomes: Sequence[Outcome]) -> str:
    """How far a run came that its budget stopped, and how to go on; empty if none did."""
    if not (left := [outcome for outcome in outcomes if outcome.status == "open"]):
        return ""
    complete = sum(outcome.status == "complete" for outcome in outcomes)
    begun = [outcome for outcome in left if outcome.turns]
    turns = sum(outcome.turns for outcome in begun)
    return (
        f"The budget is used up, {left[0].reason}. Sessions: {complete} of {len(outcomes)} complete, "
        f"{len(begun)} open (turns: {turns}), {len(left) - len(begun)} not begun. Start the same run again with a "
        "larger budget to go on."
    )


def complete_turns(session: SessionFolder) -> int | None:
    """The number of turns of a session that is complete on disk, without reading them; None if it is not."""
    ended = session.ended
    return int(ended["turns"]) if ended and ended["status"] == "complete" else None
