"""The sessions of a run, in waves: while one wave waits for a service, another is painted and replied to.

Each turn is on disk before the next one of its session begins. All work of this machine's models is done in the thread
that calls, one batch after another; other threads wait for services, verify faces, and write pictures. What a session
says and shows depends on its client and the seed alone, so transcripts do not depend on the number of waves.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Literal

from mirror.counseling.cast import Cast
from mirror.counseling.spending.budget import Budget
from mirror.counseling.turn import SharedTurn, Taken, attempt_records, face_files
from mirror.faces.rejection_sampling import Attempt, FaceError, FaceSearch, ShownFace
from mirror.transcripts.integrity import session_faults
from mirror.transcripts.profile import Profile
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Conversation

Status = Literal["complete", "failed", "open"]
Step = Callable[[], None]
BeginTurn = Callable[[Cast, Sequence[Conversation]], SharedTurn]
WRITERS = 4  # threads that write pictures: most of the time goes into compressing them


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

    def fail(self, error: Exception) -> None:
        """Ends the session with its own error; faces that were painted for the turn are kept."""
        self._end("failed", f"{type(error).__name__}: {error}", error.attempts if isinstance(error, FaceError) else ())

    def _end(self, status: Literal["complete", "failed"], reason: str, attempts: Sequence[Attempt] = ()) -> None:
        self.folder.end(status, reason, *attempt_records(self.conversation.number, attempts))
        self.outcome = self.outcome_of(status, reason)
        self.conversation = replace(self.conversation, turns=())

    def outcome_of(self, status: Status, reason: str) -> Outcome:
        """The session as an outcome; writes nothing."""
        return Outcome(self.conversation.profile.idx, len(self.conversation.turns), status, reason)


# Waves ----------------------------------------------------------------------------------------------------------------


class _Wave:
    """At most `room` sessions that take their turns together. Integers are places among them."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.sessions: list[Session] = []
        self.turn: SharedTurn
        self.searched: set[int] = set()  # whose face is not found yet
        self.searched_since = 0.0  # seconds
        self.writing: dict[int, Future[None]] = {}  # faces that are found


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
    most = {profile.idx: max_turns if isinstance(max_turns, int) else max_turns[profile.idx] for profile in profiles}
    sessions = [Session(one, SessionFolder(folder / one.idx), seed, most[one.idx]) for one in profiles]
    waiting = deque(session for session in sessions if not session.settle())
    budget = budget or Budget()
    if waiting:
        together = min(concurrency, len(waiting))
        parts = min(waves, together)
        rooms = [together // parts + (number < together % parts) for number in range(parts)]
        _Waves(cast, waiting, rooms, report, budget, begin_turn).run()
    return [session.outcome or session.outcome_of("open", budget.used_up) for session in sessions]


class _Waves:
    """The sessions of a run under way.

    What comes next is a step. One that waits for another machine runs in a thread of its own, all others in this one.
    """

    def __init__(
        self,
        cast: Cast,
        waiting: deque[Session],
        rooms: Sequence[int],
        report: Callable[[Taken], None],
        budget: Budget,
        begin_turn: BeginTurn,
    ) -> None:
        self.cast, self.waiting, self.report, self.budget, self.begin_turn = cast, waiting, report, budget, begin_turn
        self.waves = [_Wave(room) for room in rooms]
        self.ready: deque[Step] = deque()
        self.away: dict[Future[None], Step] = {}  # what runs in other threads, and the step that follows it
        with_faces = (cast.painter, cast.verifier, cast.attempts, cast.on_exhaustion, cast.ahead)
        self.faces: FaceSearch[tuple[_Wave, int]] = FaceSearch(*with_faces)

    def run(self) -> None:
        """Returns once every session has ended, or the budget is used up and every turn has ended."""
        with ExitStack() as stack:
            self.services = stack.enter_context(ThreadPoolExecutor(len(self.waves), "service"))
            self.writers = stack.enter_context(ThreadPoolExecutor(WRITERS, "writer"))
            stack.enter_context(self.faces)
            stack.callback(self._abandon)
            for wave in self.waves:
                self._begin(wave)
            while self.ready or self.away or self.faces.open:
                self._advance()

    def _abandon(self) -> None:
        """Starts nothing more after an error; the threads are waited for."""
        for pool in (self.services, self.writers):
            pool.shutdown(wait=False, cancel_futures=True)

    def _advance(self) -> None:
        for future in [future for future in self.away if future.done()]:
            self.ready.append(self._returned(future))
        if self.ready:
            self.ready.popleft()()
        elif self.faces.can_paint:
            self.faces.paint()
            self._show(leave=1)  # the newest batch is verified while the next one is painted
        elif not self.away:
            self._show()
        else:
            verifying = self.faces.verifying
            wait([*self.away, *([verifying] if verifying else [])], return_when=FIRST_COMPLETED)
            if verifying and verifying.done():
                self._show(leave=self.faces.unsettled - 1)

    def _returned(self, future: Future[None]) -> Step:
        following = self.away.pop(future)
        future.result()  # raises what the thread raised
        return following

    def _do(self, role: str, step: Step, following: Step) -> None:
        """Runs the step of a role, in a thread if the role waits for another machine, and then the following one."""
        if role in self.cast.remote:
            self.away[self.services.submit(step)] = following
        else:
            self.ready.extend((step, following))

    # The steps of a turn ----------------------------------------------------------------------------------------------

    def _begin(self, wave: _Wave) -> None:
        if self.budget.used_up:
            return
        while self.waiting and len(wave.sessions) < wave.room:
            session = self.waiting.popleft()
            session.folder.begin(session.conversation.profile)
            wave.sessions.append(session)
        if wave.sessions:
            wave.turn = self.begin_turn(self.cast, [session.conversation for session in wave.sessions])
            self._do("client", wave.turn.speak, lambda: self._describe(wave))

    def _describe(self, wave: _Wave) -> None:
        self._do("describer", wave.turn.describe, lambda: self._paint(wave))

    def _paint(self, wave: _Wave) -> None:
        wave.searched_since = perf_counter()
        for place, request in wave.turn.face_requests().items():
            if refused := self.faces.add((wave, place), request, group=wave):
                wave.turn.show(place, refused)
            else:
                wave.searched.add(place)
        if not wave.searched:
            self._reply(wave)

    def _show(self, leave: int = 0) -> None:
        for (wave, place), face in self.faces.settle(leave).items():
            wave.turn.show(place, face)
            wave.searched.remove(place)
            if isinstance(face, ShownFace):
                wave.writing[place] = self.writers.submit(wave.sessions[place].write_faces, face)
            if not wave.searched:
                self._reply(wave)

    def _reply(self, wave: _Wave) -> None:
        wave.turn.clock.seconds["face"] = perf_counter() - wave.searched_since
        wave.turn.see()
        self._do("counselor", wave.turn.reply, lambda: self._end(wave))

    def _end(self, wave: _Wave) -> None:
        """Writes the turn of each session to disk; a session that fails ends."""
        seconds, results = wave.turn.clock.share(len(wave.sessions)), wave.turn.taken()
        elapsed = self.budget.elapsed(sum(isinstance(result, Taken) for result in results))
        for place, (session, result) in enumerate(zip(wave.sessions, results, strict=True)):
            written = wave.writing.pop(place, None)
            try:
                if written:
                    written.result()  # the faces are on disk before the line
                if isinstance(result, Exception):
                    session.fail(result)
                    continue
                session.add(result, seconds, elapsed)
            except ValueError as error:
                session.fail(error)
            else:
                self.budget.count(result.turn.tokens, elapsed)
                self.report(result)
        wave.sessions = [session for session in wave.sessions if not session.settle()]
        self._begin(wave)
