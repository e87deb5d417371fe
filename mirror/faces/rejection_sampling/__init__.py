"""Rejection sampling of clients' faces: paint and verify until a face is accepted, or the attempts are used up.

While a batch of attempts is verified in a thread of its own, the next one is painted. The face that is shown depends
on the request and the run's seed, not on the rest of the batch: bit-identical on a CPU, up to the rounding of other
batches on a GPU.
"""

from collections import deque
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain, islice, zip_longest
from typing import Any, Generic, Protocol, Self, TypeVar

from PIL import Image

from mirror.faces.photomaker import PaintRequest
from mirror.faces.photomaker.batches import attempts_in_a_batch
from mirror.faces.rejection_sampling.shown_face import (
    Attempt,
    Exhaustion,
    FaceError,
    FaceRequest,
    FacesExhausted,
    PortraitUnusable,
    ShownFace,
    closeness,
    outcome_of,
)
from mirror.faces.verification import Verifier
from mirror.transcripts.verdict import Verdict

__all__ = [
    "Attempt", "Exhaustion", "FaceError", "FaceRequest", "FaceSearch", "FacesExhausted", "Painter", "PortraitUnusable",
    "ShownFace", "closeness", "refusal", "show_faces", "stream_faces",
]  # fmt: skip

Place = TypeVar("Place", bound=Hashable)  # names a face


class Painter(Protocol):
    """Paints portraits of a person with an expression."""

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """The numbers of pictures that it computes together, ascending; (1,) if a batch gains nothing."""

    def check(self, request: PaintRequest) -> None:
        """Raises ValueError or OSError if the request cannot be painted, whatever its seed."""
        ...

    def paint(self, requests: Sequence[PaintRequest]) -> Sequence[Image.Image]:
        """One image per request, in order, which depends only on that request."""
        ...

    def warm_up(self, pictures: int) -> None:
        """Compiles what painting up to so many pictures at a time will need; without it, that is done then."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Models and recipe, for the record of a run."""
        ...


@dataclass
class _Search:
    """The search of one face: attempts that are verified, and the number of those that are painted but are not."""

    request: FaceRequest
    group: object
    made: list[Attempt] = field(default_factory=list)
    under_way: int = 0


@dataclass
class _Batch(Generic[Place]):
    """Attempts (place, number) that are painted, and the verdicts on them to come."""

    rows: Sequence[tuple[Place, int]]
    images: Sequence[Image.Image]
    verdicts: Future[Sequence[Verdict | Exception]]


class FaceSearch(Generic[Place]):
    """Faces that are searched together, each from when it is added. A context manager, used by one thread.

    Any object names a face: its place in a list, say. Call `paint` and `settle` in turn until nothing is `open`.
    """

    def __init__(
        self,
        painter: Painter,
        verifier: Verifier,
        attempts: int = 10,
        on_exhaustion: Exhaustion = "keep_best",
        ahead: int = 0,
    ) -> None:
        """Paints nothing yet.

        Args:
            painter: paints the attempts, always in the thread that calls `paint`.
            verifier: accepts or rejects them, in a thread of its own.
            attempts: per face at most.
            on_exhaustion: if none is accepted, `keep_best` shows the attempt that passed the most checks, among equals
                the one closest to its threshold, but never an unsafe one; `stop` gives a FacesExhausted.
            ahead: attempts of a client that are painted at a time; 0: as many as find most faces per second, by the
                share of attempts accepted so far. Changes the time taken, not the result.

        Raises:
            ValueError: `attempts` is below 1, or `ahead` below 0.
        """
        if attempts < 1 or ahead < 0:
            raise ValueError(f"attempts must be 1 or more and ahead 0 or more, found {attempts} and {ahead}")
        self.painter, self.verifier, self.attempts, self.on_exhaustion = painter, verifier, attempts, on_exhaustion
        self.ahead = ahead
        self._searches: dict[Place, _Search] = {}
        self._batches: deque[_Batch[Place]] = deque()  # painted and not settled, the oldest first
        self._verified = self._accepted = 0
        self._thread = ThreadPoolExecutor(1, "verifier")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)

    def add(self, place: Place, request: FaceRequest, group: object = None) -> FaceError | None:
        """Begins the search of a face.

        Args:
            place: the name of the face.
            request: what to paint.
            group: of faces that are awaited together. Groups in the same batches would end together; therefore rejected
                faces are painted again for the group that was added first, and for others once all of its are found.

        Returns:
            An error if the portrait cannot be painted with any seed.
        """
        if refused := refusal(self.painter, request):
            return refused
        self._searches[place] = _Search(request, group)
        return None

    @property
    def open(self) -> int:
        """The number of faces that are searched."""
        return len(self._searches)

    @property
    def load(self) -> int:
        """The number of attempts that are under way, or come next."""
        return sum(one.under_way or len(self._next_numbers(one, max(self.ahead, 1))) for one in self._searches.values())

    @property
    def can_paint(self) -> bool:
        """Whether there is a face whose next attempt waits for nothing."""
        return bool(self._idle())

    @property
    def unsettled(self) -> int:
        """The number of batches that are painted and whose verdicts `settle` has not returned yet."""
        return len(self._batches)

    @property
    def verifying(self) -> Future[Any] | None:
        """The verdicts on the oldest batch that `settle` has not returned yet."""
        return self._batches[0].verdicts if self._batches else None

    def paint(self, most: int | None = None) -> bool:
        """Paints one batch of attempts, at most `most`, and lets them be verified; False if there is nothing to do."""
        largest = self.painter.batch_sizes[-1]
        rows = self._next_rows(largest if most is None else min(largest, most))
        if not rows:
            return False
        asked = [(self._searches[place].request, number) for place, number in rows]
        images = self.painter.paint([request.painting(request.attempt_seed(number)) for request, number in asked])
        shown = [request.verification(image) for (request, _), image in zip(asked, images, strict=True)]
        for place, _ in rows:
            self._searches[place].under_way += 1
        self._batches.append(_Batch(rows, images, self._thread.submit(self.verifier.verify, shown)))
        return True

    def settle(self, leave: int = 0) -> dict[Place, ShownFace | FaceError]:
        """Waits for the verdicts on all batches but the `leave` newest; returns the faces that they decide."""
        done: dict[Place, ShownFace | FaceError] = {}
        while len(self._batches) > leave:
            batch = self._batches.popleft()
            for place, _ in batch.rows:
                self._searches[place].under_way = 0
            done |= self._decided(batch)
        for place in done:
            del self._searches[place]
        return done

    def _next_rows(self, most: int) -> list[tuple[Place, int]]:
        chosen = dict(islice(self._idle().items(), most))
        if not chosen:
            return []
        if self.ahead:
            each = [[(place, n) for n in self._next_numbers(one, self.ahead)] for place, one in chosen.items()]
            return list(chain.from_iterable(each))[:most]
        share = (self._accepted + 1) / (self._verified + 1)
        count = attempts_in_a_batch(len(chosen), share, tuple(self.painter.batch_sizes))
        each = [[(place, n) for n in self._next_numbers(one, count)] for place, one in chosen.items()]
        in_rounds = (row for rows in zip_longest(*each) for row in rows if row is not None)
        return list(islice(in_rounds, min(count, most)))

    def _idle(self) -> dict[Place, _Search]:
        """The faces at which another attempt is due."""
        if not self._searches:
            return {}
        first = next(iter(self._searches.values())).group
        due = {place: one for place, one in self._searches.items() if not one.made or one.group == first}
        return {place: one for place, one in due.items() if not one.under_way}

    def _next_numbers(self, one: _Search, count: int) -> range:
        made = len(one.made)
        return range(made + 1, min(made + count, self.attempts) + 1)

    def _decided(self, batch: _Batch[Place]) -> dict[Place, ShownFace | FaceError]:
        done: dict[Place, ShownFace | FaceError] = {}
        for (place, number), image, verdict in zip(batch.rows, batch.images, batch.verdicts.result(), strict=True):
            if isinstance(verdict, Verdict):
                self._verified += 1
                self._accepted += verdict.accepted
            if place in done:
                continue  # an earlier attempt of this batch decided it
            request, made = self._searches[place].request, self._searches[place].made
            if isinstance(verdict, Exception):
                done[place] = FaceError(f"attempt {number} could not be verified: {verdict}", made)
                continue
            made.append(Attempt(number, request.attempt_seed(number), image, verdict))
            if outcome := outcome_of(request, made, self.attempts, self.on_exhaustion):
                done[place] = outcome
        return done


def refusal(painter: Painter, request: FaceRequest) -> FaceError | None:
    """Why this face cannot be painted with any seed, or None."""
    try:
        painter.check(request.painting(seed=0))
    except (ValueError, OSError) as error:
        return PortraitUnusable(f"the face cannot be painted: {error}", [])
    return None


def show_faces(
    painter: Painter,
    verifier: Verifier,
    requests: Sequence[FaceRequest],
    attempts: int = 10,
    on_exhaustion: Exhaustion = "keep_best",
    ahead: int = 0,
) -> list[ShownFace | FaceError]:
    """One face per request, in order: the first accepted attempt. All are painted together.

    A portrait that cannot be used, or a service that failed, gives a FaceError in place of the face. For the arguments
    and errors see `FaceSearch`.
    """
    width = max(len(requests) * max(ahead, 1), painter.batch_sizes[-1])
    found = dict(stream_faces(painter, verifier, requests, attempts, on_exhaustion, width, ahead))
    return [found[place] for place in range(len(requests))]


def stream_faces(
    painter: Painter,
    verifier: Verifier,
    requests: Iterable[FaceRequest],
    attempts: int = 10,
    on_exhaustion: Exhaustion = "keep_best",
    width: int = 8,
    ahead: int = 1,
) -> Iterator[tuple[int, ShownFace | FaceError]]:
    """The faces of `show_faces`, each as soon as it is known, with its place among the requests.

    Every batch is filled up as far as there are requests: a face that is done is yielded, and its place goes to the
    next request, so that a few rejected faces are never painted in a small batch of their own.

    Args:
        painter, verifier, attempts, on_exhaustion, ahead: see `FaceSearch`.
        requests: the faces; the next one is read only when there is room for it.
        width: attempts that are under way at most; with twice the painter's largest batch, one batch is painted while
            another is verified. Changes the time taken, not the result.

    Raises:
        ValueError: `attempts` or `width` is below 1, or `ahead` below 0.
    """
    if width < 1:
        raise ValueError(f"width must be 1 or more, found {width}")
    waiting = enumerate(requests)
    with FaceSearch[int](painter, verifier, attempts, on_exhaustion, ahead) as search:
        while True:
            while search.load < width and (following := next(waiting, None)):
                place, request = following
                if refused := search.add(place, request):
                    yield place, refused
            if not search.open:
                return
            painted = search.paint(width)
            yield from search.settle(leave=1 if painted else 0).items()
