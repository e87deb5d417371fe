"""A run whose faces are shown in place of those of another run."""

from collections.abc import Sequence
from pathlib import Path

from mirror.transcripts.arm import ADVICE, Arm, arm_faults
from mirror.transcripts.session_folder import SessionFolder, TranscriptError
from mirror.transcripts.session_name import client_of
from mirror.transcripts.turn import Turn


def last_face(turns: Sequence[Turn], number: int) -> tuple[int, str]:
    """The turn of this number and the file of its face; if it has none, of the last turn before it that has."""
    return [(turn.number, turn.face.file) for turn in turns if turn.face and turn.number <= number][-1]


def complete_sessions(run: Path) -> list[SessionFolder]:
    """The complete sessions of a run whose first turn has a face.

    Raises:
        TranscriptError: one is damaged.
    """
    found = []
    for session in Arm.read(run).sessions:
        turns = session.turns() if (session.ended or {}).get("status") == "complete" else ()
        if turns and turns[0].face:
            found.append(session)
    return found


def donor_faults(run: Path) -> list[str]:
    """Why no faces can be taken from a run; empty if they can."""
    if faults := arm_faults(run):
        return faults
    arm = Arm.read(run)
    if (condition := arm.settings.get("face", "shown")) != "shown":
        return [f"{arm.name} is itself a run with face {condition}; name one with face shown"]
    try:
        found = {client_of(session.folder.name) for session in complete_sessions(run)}
    except TranscriptError as error:
        return [str(error)]
    if len(found) < 2:
        return [f"{arm.name} has complete sessions with faces of {len(found)} clients, and 2 are needed; {ADVICE}"]
    return []
