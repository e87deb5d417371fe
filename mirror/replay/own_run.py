"""The sessions of a counseling run as recorded conversations, with the faces that its clients showed."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mirror.paths import display_path, input_path, output_path
from mirror.replay.recording import RecordedTurn, Recording, RecordingError
from mirror.transcripts.arm import Arm, arm_faults
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Turn

log = logging.getLogger(__name__)


def run_faults(run: Path) -> list[str]:
    """Why a run cannot be replayed; empty if it can."""
    if faults := arm_faults(run):
        return faults
    arm = Arm.read(run)
    if source := arm.replays:
        return [f"{arm.name} is itself a replay, of {source}; name a run of counsel.ipynb"]
    return []


def read_run(run: Path) -> list[Recording]:
    """Read the complete sessions of a run, in natural order; others are left out with a warning.

    Where clients had several sessions, each is a conversation by itself, without memory of the others.

    Raises:
        ArmError: the folder holds no run.
        RecordingError: files of a session are damaged, or no session is complete.
    """
    found, faults, open_ = [], [], []
    for session in Arm.read(run).sessions:
        if damage := session_faults(session):
            faults += damage
        elif (session.ended or {}).get("status") == "complete":
            found.append(_recording(session))
        else:
            open_.append(session.folder.name)
    if faults:
        raise RecordingError([f"{fault}; restore the files, or remove the session's folder" for fault in faults])
    if not found:
        raise RecordingError([f"{display_path(run)} has no complete session; run counsel.ipynb again to complete them"])
    if open_:
        log.warning("%d sessions of %s are not complete and are not replayed: %s", len(open_), run.name, open_)
    return found


def _recording(session: SessionFolder) -> Recording:
    profile = _profile((session.client or {}) | {"idx": session.folder.name})  # of a later session, too
    return Recording(profile, tuple(_turn(session.folder, turn) for turn in session.turns()))


def _turn(folder: Path, turn: Turn) -> RecordedTurn:
    picture = folder / turn.face.file if turn.face else None
    return RecordedTurn(turn.words, turn.cue, picture, turn.reply, turn.ended)


def _profile(client: Mapping[str, Any]) -> Profile:
    return Profile(**{**client, "portraits": tuple(map(_found, client["portraits"]))})


def _found(name: str) -> Path:
    """The file that `display_path` named: below the outputs or the repository."""
    path = output_path(name)
    return path if path.is_file() else input_path(name)
