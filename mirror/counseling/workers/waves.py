"""Sessions that advance together, in waves: while one wave waits for a service, another is painted and replied to.

All work of this machine's models is done in the thread that calls, one batch after another; other threads wait for
services, verify faces, and write pictures. Where sessions come from and where their turns go is up to the desk.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Generic, Protocol, TypeVar

from mirror.counseling.cast import Cast
from mirror.counseling.turn import SharedTurn, Taken
from mirror.faces.rejection_sampling import FaceSearch, ShownFace
from mirror.transcripts.turn import Conversation

Step = Callable[[], None]
BeginTurn = Callable[[Cast, Sequence[Conversation]], SharedTurn]
WRITERS = 4  # threads that write pictures: most of the time goes into compressing them


class Underway(Protocol):
    """A session under way."""

    @property
    def conversation(self) -> Conversation:
        """The turns so far."""
        ...

    def write_faces(self, face: ShownFace) -> None:
        """Writes the faces of the next turn ahead of the turn itself, in any thread."""
        ...


S = TypeVar("S", bound=Underway)


@dataclass(frozen=True)
class EndedTurn(Generic[S]):
    """A turn that the sessions of a wave have taken together.

    Attributes:
        wave: its number, from 0.
        sessions: of the wave; none before its first turn.
        results: the turn of each session, or the error that ends it.
        seconds: the time of each stage, per session.
        room: the number of sessions that may take the next turn together.
    """

    wave: int
    sessions: Sequence[S]
    results: Sequence[Taken | Exception]
    seconds: Mapping[str, float]
    room: int


class Desk(Protocol[S]):
    """Gives out sessions and takes their turns."""

    def exchange(self, ended: EndedTurn[S]) -> list[S]:
        """Takes the turn of a wave; returns the sessions that take the next one together, or none to end the wave."""
        ...

    def close(self) -> None:
        """Ends exchanges that wait: no wave goes on."""
        ...


def rooms_of_waves(sessions: int, waves: int) -> list[int]:
    """The number of sessions in each wave, if so many advance together."""
    parts = min(waves, sessions)
    return [sessions // parts + (number < sessions % parts) for number in range(parts)]


class _Wave(Generic[S]):
    """At most `room` sessions that take their turns together. Integers are places among them."""

    def __init__(self, number: int, room: int) -> None:
        self.number, self.room = number, room
        self.sessions: list[S] = []
        self.turn: SharedTurn
        self.searched: set[int] = set()  # whose face is not found yet
        self.searched_since = 0.0  # seconds
        self.writing: dict[int, Future[None]] = {}  # faces that are found


class Waves(Generic[S]):
    """The waves of one cast.

    What comes next is a step, a function without arguments. A step that waits for another machine runs in a thread of
    its own; all others run in the calling thread, one after another.
    """

    def __init__(
        self,
        cast: Cast,
        desk: Desk[S],
        rooms: Sequence[int],
        desk_is_remote: bool = False,
        begin_turn: BeginTurn = SharedTurn,
    ) -> None:
        """Begins nothing.

        Args:
            cast: who takes part.
            desk: where sessions come from.
            rooms: the number of sessions in each wave.
            desk_is_remote: whether the desk waits for another process.
            begin_turn: makes the turn that several sessions take together.
        """
        self.cast, self.desk, self.begin_turn = cast, desk, begin_turn
        self.remote = cast.remote | {"desk"} if desk_is_remote else cast.remote
        self.waves = [_Wave[S](number, room) for number, room in enumerate(rooms)]
        self.ready: deque[Step] = deque()
        self.away: dict[Future[None], Step] = {}  # what runs in other threads, and the step that follows it
        with_faces = (cast.painter, cast.verifier, cast.attempts, cast.on_exhaustion, cast.ahead)
        self.faces: FaceSearch[tuple[_Wave[S], int]] = FaceSearch(*with_faces)

    def run(self) -> None:
        """Returns once the desk has no session for any wave, and every turn has ended."""
        with ExitStack() as stack:
            self.services = stack.enter_context(ThreadPoolExecutor(len(self.waves), "service"))
            self.writers = stack.enter_context(ThreadPoolExecutor(WRITERS, "writer"))
            stack.enter_context(self.faces)
            stack.callback(self._abandon)
            for wave in self.waves:
                self._exchange(wave, EndedTurn(wave.number, (), (), {}, wave.room))
            while self.ready or self.away or self.faces.open:
                self._advance()

    def _abandon(self) -> None:
        """Starts nothing more after an error; the threads are waited for."""
        self.desk.close()
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
        if role in self.remote:
            self.away[self.services.submit(step)] = following
        else:
            self.ready.extend((step, following))

    # The steps of a turn ----------------------------------------------------------------------------------------------

    def _exchange(self, wave: _Wave[S], ended: EndedTurn[S]) -> None:
        def exchange() -> None:
            wave.sessions = self.desk.exchange(ended)

        self._do("desk", exchange, lambda: self._begin(wave))

    def _begin(self, wave: _Wave[S]) -> None:
        if wave.sessions:
            wave.turn = self.begin_turn(self.cast, [session.conversation for session in wave.sessions])
            self._do("client", wave.turn.speak, lambda: self._describe(wave))

    def _describe(self, wave: _Wave[S]) -> None:
        self._do("describer", wave.turn.describe, lambda: self._paint(wave))

    def _paint(self, wave: _Wave[S]) -> None:
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

    def _reply(self, wave: _Wave[S]) -> None:
        wave.turn.clock.seconds["face"] = perf_counter() - wave.searched_since
        wave.turn.see()
        self._do("counselor", wave.turn.reply, lambda: self._end(wave))

    def _end(self, wave: _Wave[S]) -> None:
        """Hands in the turn of each session, once its faces are written."""
        results = wave.turn.taken()
        for place, written in wave.writing.items():
            try:
                written.result()
            except ValueError as error:
                results[place] = error
        wave.writing = {}
        seconds = wave.turn.clock.share(len(wave.sessions))
        self._exchange(wave, EndedTurn(wave.number, wave.sessions, results, seconds, wave.room))
