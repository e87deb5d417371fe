"""The workers of a run: gives them sessions, and writes the turns that they send."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from typing import Any

from mirror.counseling.cast import changed_roles
from mirror.counseling.session import Register, Session
from mirror.counseling.settings import CounselSettings
from mirror.counseling.workers.assignments import SessionAssignments
from mirror.counseling.workers.messages import Given, HandIn, Orders, Report
from mirror.counseling.workers.worker import SessionWorker
from mirror.paths import input_path
from mirror.workers.crew import Crew
from mirror.workers.pool import Answer, Death
from mirror.workers.worker import Loaded

LeftOut = Mapping[str, Mapping[str, Any]]


class SessionCrew(Crew):
    """Workers that each hold the cast of a run."""

    def __init__(
        self, settings: CounselSettings, workers: int, make: type[SessionWorker] = SessionWorker, *arguments: Any
    ) -> None:
        """Starts the workers and loads their models.

        Args:
            settings: of the run.
            workers: their number.
            make: the class of a worker.
            arguments: of this class, after the settings.

        Raises:
            As `Crew`: what a worker raised while it loaded is that of `build_cast`.
        """
        self.settings = settings
        given = (settings, *arguments)
        super().__init__(make, given, workers, settings.device, settings.ray_address, changed_roles)

    def counsel(self, register: Register, on_left_out: Callable[[LeftOut], None] = lambda found: None) -> None:
        """Runs the sessions of a register until they are over or the budget is used up.

        Args:
            register: of the sessions; the clock of its budget is started once the first worker is ready.
            on_left_out: called with the parameters that servers refuse, by role, after each turn.

        Raises:
            WorkersDie: three workers died one after another in the same session.
        """
        if register.waiting and not register.budget.used_up:
            _Shift(self, register, on_left_out).run()


class _Shift:
    """The sessions of one register under way."""

    def __init__(self, crew: SessionCrew, register: Register, on_left_out: Callable[[LeftOut], None]) -> None:
        self.crew, self.pool, self.register, self.on_left_out = crew, crew.pool, register, on_left_out
        self.portraits = input_path(crew.settings.portraits)
        self.assignments = SessionAssignments(register)
        self.together = min(crew.settings.concurrency, ceil(len(register.waiting) / len(crew.pool)))
        self.at_work: set[int] = set()
        self.unanswered: defaultdict[int, dict[int, HandIn]] = defaultdict(dict)  # waves without a session, by worker
        self.orders: defaultdict[int, list[Orders]] = defaultdict(list)
        self.has_begun = False

    def run(self) -> None:
        """Returns once no worker is at work."""
        self._begin()
        while self.at_work or not self.assignments.are_done:
            match self.pool.next():
                case Answer(worker, Loaded() as loaded):
                    self.crew.loaded(worker, loaded)
                case Answer(worker, Report() as report):
                    self._take(worker, report)
                case Death(worker, reason):
                    self._lose(worker, reason)
            self._begin()
            self._order()

    def _begin(self) -> None:
        """Puts workers to work, as many as there are sessions that wait."""
        free = len(self.register.waiting) - sum(map(len, self.unanswered.values()))
        for worker in sorted(self.crew.idle)[: max(free, 0)]:
            self.crew.idle.remove(worker)
            self.at_work.add(worker)
            self.pool.call(worker, "begin", self.together)

    def _take(self, worker: int, report: Report) -> None:
        if not self.has_begun:
            self.register.budget.start()
            self.has_begun = True
        self.crew.warn(report.warnings)
        for hand_in in report.hand_ins:
            self._answer(worker, hand_in)
        self.on_left_out(report.left_out)
        if report.has_ended:
            self.at_work.remove(worker)
            self.crew.idle.add(worker)

    def _answer(self, worker: int, hand_in: HandIn) -> None:
        """Writes a turn, and orders the next one; a wave without a session waits for one."""
        sessions = self.assignments.take_back(worker, hand_in.clients)
        going_on = self.register.record(sessions, hand_in.results, hand_in.seconds)
        if self.register.budget.used_up:
            self.orders[worker].append(Orders(hand_in.wave))
            return
        self.assignments.keep(worker, going_on)
        self._go_on(worker, hand_in, going_on)

    def _go_on(self, worker: int, hand_in: HandIn, going_on: list[Session]) -> None:
        new = self.assignments.give(worker, hand_in.room - len(going_on))
        if not going_on and not new:
            self.unanswered[worker][hand_in.wave] = hand_in
            return
        clients = tuple(session.conversation.profile.idx for session in going_on)
        self.orders[worker].append(Orders(hand_in.wave, clients, tuple(map(self._given, new))))

    def _given(self, session: Session) -> Given:
        profile = session.conversation.profile
        portraits = tuple(
            path.relative_to(self.portraits) if path.is_relative_to(self.portraits) else path
            for path in profile.portraits
        )
        conversation = session.conversation
        given = replace(profile, portraits=portraits)
        return Given(given, conversation.turns, conversation.session, conversation.memory)

    def _order(self) -> None:
        """Sends orders to workers that wait for them; all that is left are ends once there is nothing to do."""
        for worker in sorted(self.at_work):
            waiting, self.unanswered[worker] = self.unanswered[worker], {}
            for hand_in in waiting.values():
                if self.assignments.are_done:
                    self.orders[worker].append(Orders(hand_in.wave))
                else:
                    self._go_on(worker, hand_in, [])
            if self.pool.is_free(worker) and (self.orders[worker] or self.assignments.held[worker]):
                self.pool.call(worker, "exchange", self.orders.pop(worker, []))

    def _lose(self, worker: int, reason: str) -> None:
        self.at_work.discard(worker)
        self.unanswered.pop(worker, None)
        self.orders.pop(worker, None)
        self.assignments.died(worker, reason)
        self.crew.reload(worker, reason)
