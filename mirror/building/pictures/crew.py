"""The workers of a build: gives them requests as they have room, and passes on what comes of them. Writes no file."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Generic, TypeVar

from mirror.building.pictures.dialogue import determining
from mirror.building.pictures.painted import Painted
from mirror.building.pictures.studio import describe_here
from mirror.building.pictures.worker import PictureWorker, Report
from mirror.building.settings import BuildSettings
from mirror.faces.casting import build_describer
from mirror.faces.description import Description, DescriptionRequest
from mirror.faces.rejection_sampling import Exhaustion, FaceRequest
from mirror.workers.assignments import Assignments
from mirror.workers.crew import Crew
from mirror.workers.pool import Answer, Death
from mirror.workers.worker import Loaded

Request = TypeVar("Request")


class PictureCrew(Crew):
    """Workers that each hold describer, painter and verifier. A `Studio`."""

    def __init__(
        self, settings: BuildSettings, workers: int, make: type[PictureWorker] = PictureWorker, *arguments: Any
    ) -> None:
        """Starts the workers and loads their models.

        Args:
            settings: of the build.
            workers: their number.
            make: the class of a worker.
            arguments: of this class, after the settings.

        Raises:
            As `Crew`: what a worker raised while it loaded is that of `build_face_tools`.
        """
        self.settings = settings
        super().__init__(make, (settings, *arguments), workers, settings.device, settings.ray_address, _changed_roles)

    def describe(self, requests: Iterable[DescriptionRequest]) -> Iterator[tuple[int, Description | Exception]]:
        """See `Studio.describe`. An endpoint is asked by this process, so that each answer is kept once it arrives."""
        s = self.settings
        if s.describer != "local":
            return describe_here(build_describer(s, "cpu"), requests, s.concurrency)
        return _Shift[DescriptionRequest](self, "describe", requests, s.concurrency, _told_words).run()

    def paint(
        self, requests: Iterable[FaceRequest], attempts: int, on_exhaustion: Exhaustion
    ) -> Iterator[tuple[int, Painted]]:
        """See `Studio.paint`."""
        given = (attempts, on_exhaustion)
        return _Shift[FaceRequest](self, "paint", requests, self.settings.paint_width, _told_picture, *given).run()


def _changed_roles(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [role for role in before if determining(before[role]) != determining(now[role])]


def _told_words(request: DescriptionRequest) -> str:
    return f"the description of the line {request.utterance.words[:60]!r}"


def _told_picture(request: FaceRequest) -> str:
    return f"the picture of {request.client}, line {request.turn}"


class _Shift(Generic[Request]):
    """Requests of one kind under way."""

    def __init__(
        self,
        crew: PictureCrew,
        method: str,
        requests: Iterable[Request],
        room: int,
        told: Callable[[Request], str],
        *arguments: Any,
    ) -> None:
        """Gives nothing yet.

        Args:
            crew: who works.
            method: of the workers; takes requests by place, and returns a `Report`.
            requests: the next one is read only when a worker has room for it.
            room: requests that a worker has at most.
            told: how an error names a request.
            arguments: of the method, after the requests.
        """
        self.crew, self.pool, self.room = crew, crew.pool, room
        self.method, self.arguments = method, arguments
        self.source = enumerate(requests)
        self.assignments = Assignments[int, tuple[int, Request]](deque(), _place, lambda item: told(item[1]))
        self.rooms = dict.fromkeys(range(len(crew.pool)), room)

    def run(self) -> Iterator[tuple[int, Any]]:
        """The results as they come, with their places.

        Raises:
            WorkersDie: three workers died one after another with the same request.
        """
        self._order()
        while self.pool.under_way:
            done: Mapping[int, Any] = {}
            match self.pool.next():
                case Answer(worker, Loaded() as loaded):
                    self.crew.loaded(worker, loaded)
                case Answer(worker, Report() as report):
                    done = self._take(worker, report)
                case Death(worker, reason):
                    self.assignments.died(worker, reason)
                    self.rooms[worker] = self.room
                    self.crew.reload(worker, reason)
            try:
                self._order()  # first, so that no worker waits for what the caller does with the results
            finally:
                yield from done.items()

    def _take(self, worker: int, report: Report) -> Mapping[int, Any]:
        self.crew.warn(report.warnings)
        self.assignments.take_back(worker, report.done)
        self.rooms[worker] = report.room
        self.crew.idle.add(worker)
        return report.done

    def _order(self) -> None:
        """Deals requests to the workers that are free, one at a time, and lets those that have any work."""
        given: dict[int, dict[int, Request]] = {worker: {} for worker in sorted(self.crew.idle)}
        while any([self._deal(worker, found) for worker, found in given.items()]):
            pass
        for worker, found in given.items():
            if self.assignments.held[worker]:
                self.crew.idle.remove(worker)
                self.pool.call(worker, self.method, found, *self.arguments)

    def _deal(self, worker: int, found: dict[int, Request]) -> bool:
        """Whether there was room and a request."""
        if len(found) >= self.rooms[worker]:
            return False
        dealt = self.assignments.give(worker, 1)
        if not dealt and not self.assignments.has_suspect(worker) and (item := next(self.source, None)):
            self.assignments.waiting.append(item)
            dealt = self.assignments.give(worker, 1)
        found |= dict(dealt)
        return bool(dealt)


def _place(item: tuple[int, Any]) -> int:
    return item[0]
