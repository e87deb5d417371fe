"""Sessions of a run that advance together: each turn is on disk before the next one begins."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from PIL import Image

from mirror.counseling.cast import Cast
from mirror.counseling.turn import Clock, Taken, attempt_records, take_turn
from mirror.faces.rejection_sampling import FaceError
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import AttemptRecord, Conversation

Status = Literal["complete", "failed"]


@dataclass(frozen=True)
class Outcome:
    """How one session ended.

    Attributes:
        idx: the client.
        turns: number of turns.
        status: `complete` if the client ended it or the turns are used up, else `failed`.
        reason: what ended it; of a failed session, the error.
    """

    idx: str
    turns: int
    status: Status
    reason: str


class Session:
    """One session of a run: its conversation in memory, its folder on disk.

    Attributes:
        folder: the session's files.
        conversation: the turns so far.
        outcome: how it ended; None while it is under way.
    """

    def __init__(self, profile: Profile, folder: SessionFolder, seed: int) -> None:
        """Reads what is on disk. A damaged session counts as failed, and its files stay unchanged.

        Args:
            profile: the client.
            folder: of the session; may not exist yet.
            seed: of the run.

        Raises:
            RunConflict: the session was begun with another client of this name.
        """
        folder.check_client(profile)
        self.folder = folder
        self.conversation = Conversation(profile, (), seed)
        self.outcome: Outcome | None = None
        if faults := session_faults(folder):
            self.outcome = self._outcome("failed", "; ".join(faults))
            return
        self.conversation = Conversation(profile, folder.turns(), seed)
        ended = folder.ended
        if ended and ended["status"] == "complete":
            self.outcome = self._outcome("complete", ended["reason"])

    def settle(self, max_turns: int) -> bool:
        """Ends the session if the client did or the turns are used up; returns whether it is over."""
        if self.outcome is None and (self.conversation.ended or len(self.conversation.turns) >= max_turns):
            self._end("complete", "the client ended it" if self.conversation.ended else f"{max_turns} turns")
        return self.outcome is not None

    def add(self, taken: Taken, seconds: Mapping[str, float]) -> None:
        """Writes a turn to disk.

        Raises:
            ValueError: its text cannot be saved, e.g. half a surrogate pair.
        """
        self.folder.append(taken.turn, taken.images, seconds)
        self.conversation = replace(self.conversation, turns=(*self.conversation.turns, taken.turn))

    def fail(self, error: Exception) -> None:
        """Ends the session with its own error; faces that were painted for the turn are kept."""
        attempts = error.attempts if isinstance(error, FaceError) else ()
        self._end("failed", f"{type(error).__name__}: {error}", *attempt_records(self.conversation.number, attempts))

    def _end(
        self,
        status: Status,
        reason: str,
        attempts: Sequence[AttemptRecord] = (),
        images: Mapping[str, Image.Image] = MappingProxyType({}),
    ) -> None:
        self.folder.end(status, reason, attempts, images)
        self.outcome = self._outcome(status, reason)

    def _outcome(self, status: Status, reason: str) -> Outcome:
        return Outcome(self.conversation.profile.idx, len(self.conversation.turns), status, reason)


def run_sessions(
    cast: Cast,
    profiles: Sequence[Profile],
    folder: Path,
    seed: int,
    concurrency: int,
    max_turns: int,
    report: Callable[[Taken], None] = lambda taken: None,
) -> list[Outcome]:
    """Runs all sessions. A session that is complete on disk is skipped; one that was interrupted or failed resumes.

    Args:
        cast: who takes part.
        profiles: the clients, one session each.
        folder: `sessions/` of a run; each session has a folder in it.
        seed: of the run.
        concurrency: the number of sessions that advance together at most.
        max_turns: turns of a session at most.
        report: called with every turn once it is on disk.

    Returns:
        How each session ended, in the order of `profiles`.

    Raises:
        RunConflict: the table has other values for a client than when its session began. Nothing was changed.
    """
    sessions = [Session(profile, SessionFolder(folder / profile.idx), seed) for profile in profiles]
    waiting = deque(sessions)
    active: list[Session] = []
    while waiting or active:
        while waiting and len(active) < concurrency:
            session = waiting.popleft()
            if not session.settle(max_turns):
                session.folder.begin(session.conversation.profile)
                active.append(session)
        if active:
            _advance(cast, active, report)
        active = [session for session in active if not session.settle(max_turns)]
    return [session.outcome for session in sessions if session.outcome]


def _advance(cast: Cast, sessions: Sequence[Session], report: Callable[[Taken], None]) -> None:
    """Takes one turn of each session and writes it to disk; a session that fails ends."""
    clock = Clock()
    results = take_turn(cast, [session.conversation for session in sessions], clock)
    for session, result in zip(sessions, results, strict=True):
        if isinstance(result, Exception):
            session.fail(result)
            continue
        try:
            session.add(result, clock.share(len(sessions)))
        except ValueError as error:
            session.fail(error)
        else:
            report(result)
