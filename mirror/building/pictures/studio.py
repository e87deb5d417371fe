"""Who describes and paints the pictures of a build: the models of this process. Knows no dialogue and writes no file.

Several processes that do the same together are in `mirror.building.pictures.crew`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import Any, Protocol

from mirror.building.pictures.painted import Painted
from mirror.faces.description import Describer, Description, DescriptionRequest, LocalDescriber
from mirror.faces.rejection_sampling import Exhaustion, FaceRequest, Painter, stream_faces
from mirror.faces.verification import Verifier

Answers = Sequence[Description | Exception]


class Studio(Protocol):
    """Anything that describes and paints. Each request is read only when there is room for it."""

    @property
    def facts(self) -> Mapping[str, Mapping[str, Any]]:
        """What describer, painter and verifier report about themselves, by role."""
        ...

    def describe(self, requests: Iterable[DescriptionRequest]) -> Iterator[tuple[int, Description | Exception]]:
        """The answers as they come, each with its place among the requests."""
        ...

    def paint(
        self, requests: Iterable[FaceRequest], attempts: int, on_exhaustion: Exhaustion
    ) -> Iterator[tuple[int, Painted]]:
        """What came of each face as soon as it is known, with its place; see `stream_faces`."""
        ...

    def close(self) -> None:
        """Ends what was started for it."""
        ...


class OwnStudio:
    """The models of this process."""

    def __init__(
        self, describer: Describer, painter: Painter, verifier: Verifier, width: int = 8, concurrency: int = 8
    ) -> None:
        """Asks nothing yet.

        Args:
            describer: describes faces; one that runs in this process gets batches, any other single requests.
            painter: paints them.
            verifier: accepts or rejects them.
            width: faces under way at most, ≥ 1; changes the time taken, not the result (see `stream_faces`).
            concurrency: descriptions asked for at a time, ≥ 1.

        Raises:
            ValueError: one of the numbers is out of its range.
        """
        if min(width, concurrency) < 1:
            raise ValueError(f"width and concurrency must be 1 or more, found {width} and {concurrency}")
        self.describer, self.painter, self.verifier = describer, painter, verifier
        self.width, self.concurrency = width, concurrency

    @property
    def facts(self) -> dict[str, Mapping[str, Any]]:
        """See `Studio.facts`. Raises ServiceError if a service does not answer."""
        describer, painter, verifier = self.describer, self.painter, self.verifier
        return {"describer": describer.facts(), "painter": painter.facts(), "verifier": verifier.facts()}

    def describe(self, requests: Iterable[DescriptionRequest]) -> Iterator[tuple[int, Description | Exception]]:
        """See `Studio.describe`."""
        return describe_here(self.describer, requests, self.concurrency)

    def paint(
        self, requests: Iterable[FaceRequest], attempts: int, on_exhaustion: Exhaustion
    ) -> Iterator[tuple[int, Painted]]:
        """See `Studio.paint`."""
        faces = stream_faces(self.painter, self.verifier, requests, attempts, on_exhaustion, self.width)
        return ((place, Painted.of(result)) for place, result in faces)

    def close(self) -> None:
        """See `Studio.close`; the models stay."""


def describe_here(
    describer: Describer, requests: Iterable[DescriptionRequest], concurrency: int
) -> Iterator[tuple[int, Description | Exception]]:
    """The answers as they come, with their places. Every answer that arrives is yielded, also after the last request.

    Args:
        describer: one that runs in this process gets batches, any other single requests.
        requests: what to describe.
        concurrency: requests at a time.
    """
    size, threads = (concurrency, 1) if isinstance(describer, LocalDescriber) else (1, concurrency)
    running: dict[Future[Answers], Sequence[int]] = {}
    with ThreadPoolExecutor(threads) as pool:
        waiting = enumerate(requests)
        while batch := dict(islice(waiting, size)):
            running[pool.submit(answers, describer, [*batch.values()])] = [*batch]
            if len(running) >= threads:
                yield from _arrived(running)
        while running:
            yield from _arrived(running)


def answers(describer: Describer, requests: Sequence[DescriptionRequest]) -> Answers:
    """One answer per request; the error of a describer that raises in place of each."""
    try:
        return describer.describe(requests)
    except Exception as error:  # of any model: must not lose the answers of the other threads
        return [error] * len(requests)


def _arrived(running: dict[Future[Answers], Sequence[int]]) -> Iterator[tuple[int, Description | Exception]]:
    """Waits for the next answers, and takes them out of `running`."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        yield from zip(running.pop(future), future.result(), strict=True)
