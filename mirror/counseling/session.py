"""The sessions of a run on disk: their outcomes, and the register that gives out sessions and records their turns.

Each turn is on disk before the next one of its session begins. What a session says and shows depends on its client and
the seed alone, so transcripts do not depend on how many sessions advance together, in how many waves, or where.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from mirror.clients.returns import Returns, order_faults, session_record, session_seed
from mirror.counseling.cast import Cast
from mirror.counseling.outcome import Failure, Outcome, Status
from mirror.counseling.spending.budget import Budget
from mirror.counseling.turn import SharedTurn, Taken, face_files
from mirror.counseling.workers.waves import BeginTurn, EndedTurn, Waves, rooms_of_waves
from mirror.faces.rejection_sampling import ShownFace
from mirror.files.json_file import write_json
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SESSION, Picture, SessionFolder
from mirror.transcripts.session_name import session_name
from mirror.transcripts.turn import AttemptRecord, Conversation, Memory, Turn

ONCE = Returns()
WRITERS = 16  # sessions written at a time: a disk takes many files in little more time than one


class Session:
    """One session of a run: its conversation in memory, its folder on disk.

    Attributes:
        folder: the session's files.
        conversation: the turns so far; without turns once it has ended, since a run may have many sessions.
        outcome: how it ended; None while it is under way.
        following: the client's next session, which begins once this one is complete.
    """

    conversation: Conversation

    def __init__(
        self,
        profile: Profile,
        folder: SessionFolder,
        seed: int,
        max_turns: int,
        before: "Session | None" = None,
        returns: Returns = ONCE,
    ) -> None:
        """Reads what is on disk. A damaged session counts as failed, and its files stay unchanged.

        Args:
            profile: the client.
            folder: of the session; may not exist yet.
            seed, max_turns: of the run; turns at most.
            before: the client's session before this one.
            returns: of the run.

        Raises:
            RunConflict: the session was begun with another client of this name.
        """
        folder.check_client(profile)
        self.folder, self.max_turns, self.before, self.returns = folder, max_turns, before, returns
        self.following: Session | None = None
        number = before.conversation.session + 1 if before else 1
        if before:
            before.following = self
        self.conversation = Conversation(profile, (), session_seed(seed, number), number)
        self.outcome: Outcome | None = None
        if faults := session_faults(folder) or self._order_faults():
            self.outcome = self.outcome_of("failed", "; ".join(faults))
            return
        ended = folder.ended
        if ended and ended["status"] == "complete":
            self.outcome = Outcome(self.name, ended["turns"], "complete", ended["reason"])
        else:
            self.conversation = replace(self.conversation, turns=folder.turns())

    def _order_faults(self) -> list[str]:
        before = self.before
        if before is None or (before.outcome and before.outcome.status == "failed"):
            return []  # reported by the one before
        return order_faults(self.folder, before.folder)

    @property
    def name(self) -> str:
        """The client's; of a later session such as `7+s2`."""
        return session_name(self.conversation.profile.idx, self.conversation.session)

    @property
    def can_begin(self) -> bool:
        """Whether it is not over, and the session before it is complete."""
        before = self.before.outcome if self.before else None
        return self.outcome is None and (not self.before or (before is not None and before.status == "complete"))

    def begin(self) -> None:
        """Writes the client, before the first turn; in a later session, remembers what was said before."""
        self.folder.begin(self.conversation.profile)
        if self.before:
            memory = self.returns.remember(self.before.all_turns())
            self.conversation = replace(self.conversation, memory=memory)
            record = session_record(self.folder, self.before.folder, self.returns, memory)
            write_json(self.folder.folder / SESSION, record)

    def all_turns(self) -> list[tuple[Turn, ...]]:
        """The turns of the client's sessions up to this one, from the first; reads them from disk."""
        return [*(self.before.all_turns() if self.before else ()), self.folder.turns()]

    def take(self, result: Taken | Failure | Exception, seconds: Mapping[str, float], elapsed: float) -> bool:
        """Writes a turn, or the failure in its place, and ends the session if it is over; whether it has the turn."""
        try:
            if isinstance(result, Taken):
                self.add(result, seconds, elapsed)
        except ValueError as error:
            result = error
        if not isinstance(result, Taken):
            self.fail(result if isinstance(result, Failure) else Failure.of(result, self.conversation.number))
        self.settle()
        return isinstance(result, Taken)

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
        self.conversation = replace(self.conversation, turns=(), memory=Memory())

    def outcome_of(self, status: Status, reason: str) -> Outcome:
        """The session as an outcome; writes nothing."""
        return Outcome(self.name, len(self.conversation.turns), status, reason)

    def outcome_so_far(self, budget: str) -> Outcome:
        """How it ended so far: what has not ended is open, unless it follows a session that failed.

        Args:
            budget: why it is open.
        """
        if self.outcome:
            return self.outcome
        if self.before and self.before.outcome_so_far(budget).status == "failed":
            return self.outcome_of("failed", f"it follows {self.before.name}, which failed")
        return self.outcome_of("open", budget)


class Register:
    """Gives out the sessions of a run, records their turns on disk, and counts the budget. Used in one thread.

    Attributes:
        sessions: all of them; those of a client one after another.
        waiting: those that can begin or go on, and that nobody works on.
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
        self.waiting = deque(session for session in sessions if session.can_begin and not session.settle())

    def exchange(self, ended: EndedTurn[Session]) -> list[Session]:
        """Records a turn of a wave; the sessions that take the next one together."""
        going_on = self.record(ended.sessions, ended.results, ended.seconds)
        if self.budget.used_up:
            return []
        new = [self.waiting.popleft() for _ in range(min(len(self.waiting), ended.room - len(going_on)))]
        return going_on + self.begin(new)

    def begin(self, sessions: list[Session]) -> list[Session]:
        """Begins sessions that waited; returns them."""
        return [session for session, _ in zip(sessions, _together(Session.begin, sessions), strict=True)]

    def close(self) -> None:
        """See `Desk.close`; no exchange waits here."""

    def record(
        self, sessions: Sequence[Session], results: Sequence[Taken | Failure | Exception], seconds: Mapping[str, float]
    ) -> list[Session]:
        """Writes the turn of each session to disk; a session that fails ends. Returns those that are not over.

        Where a session is complete, the client's next one waits from now on.
        """
        elapsed = self.budget.elapsed(sum(isinstance(result, Taken) for result in results))
        written = _together(lambda session, result: session.take(result, seconds, elapsed), sessions, results)
        for result, is_written in zip(results, written, strict=True):
            if isinstance(result, Taken) and is_written:
                self.budget.count(result.turn.tokens, elapsed)
                self.report(result)
        going_on = [session for session in sessions if session.outcome is None]
        following = (session.following for session in sessions if session.outcome)
        self.waiting.extend(session for session in following if session and session.can_begin)
        return going_on

    def outcomes(self) -> list[Outcome]:
        """How each session ended so far, in order."""
        return [session.outcome_so_far(self.budget.used_up) for session in self.sessions]


def _together(write: Callable[..., Any], sessions: Sequence[Session], *more: Sequence[Any]) -> list[Any]:
    """What writing returns for each session. Each has a folder of its own, and most of the time is the disk's."""
    with ThreadPoolExecutor(WRITERS, "disk") as disk:
        return list(disk.map(write, sessions, *more))


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
    returns: Returns = ONCE,
) -> list[Outcome]:
    """Runs all sessions. A session that is complete on disk is skipped; one that was interrupted or failed resumes.

    Args:
        cast: who takes part.
        profiles: the clients.
        folder: `sessions/` of a run; each session has a folder in it.
        seed: of the run.
        concurrency: the number of sessions that advance together at most.
        max_turns: turns of a session at most, of all sessions or by client.
        report: called with every turn once it is on disk, in the thread that called this function.
        waves: the number of parts into which these sessions are divided.
        budget: counts every turn; once it is used up, no turn begins, and sessions that are not over stay open.
        begin_turn: makes the turn that several sessions take together.
        returns: how often each client comes, and what is remembered.

    Returns:
        How each session ended, in the order of `profiles`; those of a client one after another.

    Raises:
        RunConflict: a client has other values than when its session began. Nothing was changed.
        ValueError: `concurrency` or `waves` is below 1.
    """
    if concurrency < 1 or waves < 1:
        raise ValueError(f"concurrency and waves must be 1 or more, found {concurrency} and {waves}")
    register = Register(read_sessions(profiles, folder, seed, max_turns, returns), budget or Budget(), report)
    if register.waiting:
        rooms = rooms_of_waves(min(concurrency, len(register.waiting)), waves)
        Waves(cast, register, rooms, begin_turn=begin_turn).run()
    return register.outcomes()


def read_sessions(
    profiles: Sequence[Profile], folder: Path, seed: int, max_turns: int | Mapping[str, int], returns: Returns = ONCE
) -> list[Session]:
    """The sessions of some clients as they are on disk; the arguments are those of `run_sessions`.

    Raises:
        RunConflict: a client has other values than when its session began. Nothing was changed.
    """
    most = {one.idx: max_turns if isinstance(max_turns, int) else max_turns[one.idx] for one in profiles}
    sessions: list[Session] = []
    for one in profiles:
        before = None
        for number in range(1, returns.sessions + 1):
            place = SessionFolder(folder / session_name(one.idx, number))
            before = Session(one, place, seed, most[one.idx], before, returns)
            sessions.append(before)
    return sessions
