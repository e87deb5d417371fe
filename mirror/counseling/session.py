"""The sessions of a run on disk: their outcomes, and the register that gives out sessions and records their turns.

Each turn is on disk before the next one of its session begins. What a session says and shows depends on its client and
the seed alone, so transcripts do not depend on how many sessions advance together, in how many waves, or where.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from mirror.counseling.cast import Cast
from mirror.counseling.spending.budget import Budget
from mirror.counseling.turn import SharedTurn, Taken, attempt_records, face_files
from mirror.counseling.workers.waves import BeginTurn, EndedTurn, Waves, rooms_of_waves
from mirror.faces.rejection_sampling import FaceError, ShownFace
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import Picture, SessionFolder
from mirror.transcripts.turn import AttemptRecord, Conversation

Status = Literal["complete", "failed", "open"]


@dataclass(frozen=True)
class Outcome:
    """How one session ended.

    Attributes:
        idx: the client.
        turns: number of turns.
        status: `complete` if the client ended it or the turns are used up; `failed`; `open` if the budget was used up.
        reason: what ended it; of a failed session, the error; of an open one, the budget.
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


class Session:
    """One session of a run: its conversation in memory, its folder on disk.

    Attributes:
        folder: the session's files.
        conversation: the turns so far; without turns once it has ended, since a run may have many sessions.
        outcome: how it ended; None while it is under way.
    """

    def __init__(self, profile: Profile, folder: SessionFolder, seed: int, max_turns: int) -> None:
        """Reads what is on disk. A damaged session counts as failed, and its files stay unchanged.

        Args:
            profile: the client.
            folder: of the session; may not exist yet.
            seed, max_turns: of the run; turns at most.

        Raises:
            RunConflict: the session was begun with another client of this name.
        """
        folder.check_client(profile)
        self.folder, self.max_turns = folder, max_turns
        self.conversation = Conversation(profile, (), seed)
        self.outcome: Outcome | None = None
        if faults := session_faults(folder):
            self.outcome = self.outcome_of("failed", "; ".join(faults))
            return
        ended = folder.ended
        if ended and ended["status"] == "complete":
            self.outcome = Outcome(profile.idx, ended["turns"], "complete", ended["reason"])
        else:
            self.conversation = Conversation(profile, folder.turns(), seed)

    def begin(self) -> None:
        """Writes the client, before the first turn."""
        self.folder.begin(self.conversation.profile)

    def settle(self) -> bool:
        """Ends the session if the client did or the turns are used up; returns whether it is over."""
        if self.outcome is None and (self.conversation.ended or len(self.conversation.turns) >= self.max_turns):
            self._end("complete", "the client ended it" if self.conversation.ended else f"{self.max_turns} turns")
        return self.outcome is not None

    def write_faces(self, face: ShownFace) -> None:
        """Writes the faces of the next turn ahead of the turn itself, in any thread."""
        self.folder.write_faces(face_files(self.conversation.number, face))

    def add(self, taken: Taken, seconds: Mapping[str, float], elapsed: float) -> None:
        """Writes a turn to disk; raises ValueError if its text cannot be saved, e.g. half a surrogate pair."""
        self.folder.append(taken.turn, taken.images, seconds, elapsed)
        self.conversation = replace(self.conversation, turns=(*self.conversation.turns, taken.turn))

    def fail(self, failure: Failure) -> None:
        """Ends the session with its own error; faces that were painted for the turn are kept."""
        self._end("failed", failure.reason, failure.attempts, failure.images)

    def _end(
        self,
        status: Literal["complete", "failed"],
        reason: str,
        attempts: Sequence[AttemptRecord] = (),
        images: Mapping[str, Picture] = MappingProxyType({}),
    ) -> None:
        self.folder.end(status, reason, attempts, images)
        self.outcome = self.outcome_of(status, reason)
        self.conversation = replace(self.conversation, turns=())

    def outcome_of(self, status: Status, reason: str) -> Outcome:
        """The session as an outcome; writes nothing."""
        return Outcome(self.conversation.profile.idx, len(self.conversation.turns), status, reason)


class Register:
    """Gives out the sessions of a run, records their turns on disk, and counts the budget. Used in one thread.

    Attributes:
        sessions: all of them.
        waiting: those that are not over and that nobody works on.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        budget: Budget,
        report: Callable[[Taken], None] = lambda taken: None,
    ) -> None:
        """Ends sessions that have come to their end already.

        Args:
            sessions: of the run.
            budget: counts every turn; once it is used up, no session is given out.
            report: called with every turn once it is on disk.
        """
        self.sessions, self.budget, self.report = sessions, budget, report
        self.waiting = deque(session for session in sessions if not session.settle())

    def exchange(self, ended: EndedTurn[Session]) -> list[Session]:
        """Records a turn of a wave; the sessions that take the next one together."""
        going_on = self.record(ended.sessions, ended.results, ended.seconds)
        if self.budget.used_up:
            return []
        while self.waiting and len(going_on) < ended.room:
            session = self.waiting.popleft()
            session.begin()
            going_on.append(session)
        return going_on

    def close(self) -> None:
        """See `Desk.close`; no exchange waits here."""

    def record(
        self, sessions: Sequence[Session], results: Sequence[Taken | Failure | Exception], seconds: Mapping[str, float]
    ) -> list[Session]:
        """Writes the turn of each session to disk; a session that fails ends. Returns those that are not over."""
        elapsed = self.budget.elapsed(sum(isinstance(result, Taken) for result in results))
        for session, result in zip(sessions, results, strict=True):
            number = session.conversation.number
            if isinstance(result, Exception):
                session.fail(Failure.of(result, number))
                continue
            if isinstance(result, Failure):
                session.fail(result)
                continue
            try:
                session.add(result, seconds, elapsed)
            except ValueError as error:
                session.fail(Failure.of(error, number))
            else:
                self.budget.count(result.turn.tokens, elapsed)
                self.report(result)
        return [session for session in sessions if not session.settle()]

    def outcomes(self) -> list[Outcome]:
        """How each session ended so far, in order."""
        return [session.outcome or session.outcome_of("open", self.budget.used_up) for session in self.sessions]


def run_sessions(
    cast: Cast,
    profiles: Sequence[Profile],
    folder: Path,
    seed: int,
    concurrency: int,
    max_turns: int | Mapping[str, int],
    report: Callable[[Taken], None] = lambda taken: None,
    waves: int = 1,
    budget: Budget | None = None,
    begin_turn: BeginTurn = SharedTurn,
) -> list[Outcome]:
    """Runs all sessions. A session that is complete on disk is skipped; one that was interrupted or failed resumes.

    Args:
        cast: who takes part.
        profiles: the clients, one session each.
        folder: `sessions/` of a run; each session has a folder in it.
        seed: of the run.
        concurrency: the number of sessions that advance together at most.
        max_turns: turns of a session at most, of all sessions or by client.
        report: called with every turn once it is on disk, in the thread that called this function.
        waves: the number of parts into which these sessions are divided.
        budget: counts every turn; once it is used up, no turn begins, and sessions that are not over stay open.
        begin_turn: makes the turn that several sessions take together.

    Returns:
        How each session ended, in the order of `profiles`.

    Raises:
        RunConflict: a client has other values than when its session began. Nothing was changed.
        ValueError: `concurrency` or `waves` is below 1.
    """
    if concurrency < 1 or waves < 1:
        raise ValueError(f"concurrency and waves must be 1 or more, found {concurrency} and {waves}")
    register = Register(read_sessions(profiles, folder, seed, max_turns), budget or Budget(), report)
    if register.waiting:
        rooms = rooms_of_waves(min(concurrency, len(register.waiting)), waves)
        Waves(cast, register, rooms, begin_turn=begin_turn).run()
    return register.outcomes()


def read_sessions(
    profiles: Sequence[Profile], folder: Path, seed: int, max_turns: int | Mapping[str, int]
) -> list[Session]:
    """The sessions of some clients as they are on disk; the arguments are those of `run_sessions`.

    Raises:
        RunConflict: a client has other values than when its session began. Nothing was changed.
    """
    most = {one.idx: max_turns if isinstance(max_turns, int) else max_turns[one.idx] for one in profiles}
    return [Session(one, SessionFolder(folder / one.idx), seed, most[one.idx]) for one in profiles]
