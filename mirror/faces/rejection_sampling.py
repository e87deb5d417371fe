"""Rejection sampling of a client's face: paint and verify until a face is accepted, or the attempts are used up.

The face that is shown depends on the request and the run's seed, not on the rest of the batch: bit-identical on a CPU,
up to the rounding of larger batches on a GPU.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from PIL import Image

from mirror.faces.photomaker import PaintRequest
from mirror.faces.verification import VerificationRequest, Verifier
from mirror.prompts import negative_prompt, portrait_prompt, relevance_statement
from mirror.seeds import seed_for
from mirror.transcripts.verdict import Verdict

Exhaustion = Literal["keep_best", "stop"]


class Painter(Protocol):
    """Paints portraits of a person with an expression."""

    def check(self, request: PaintRequest) -> None:
        """Raises ValueError or OSError if the request cannot be painted, whatever its seed."""
        ...

    def paint(self, requests: Sequence[PaintRequest]) -> Sequence[Image.Image]:
        """One image per request, in order, which depends only on that request."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Models and recipe, for the record of a run."""
        ...


@dataclass(frozen=True)
class FaceRequest:
    """The face of one client in one turn.

    Attributes:
        client: id of the client; with the turn and the run's seed it determines the initial noise.
        turn: number of the turn, from 1.
        gender: as in the profile.
        relevance_text: what the relevance filter compares the face with.
        expression: what must show.
        contrast: what must not show.
        portraits: of the client, at least one; the identity filter compares the face with the first.
        seed: of the run; each attempt derives its own.
        unwanted: further defects that must not be painted, separated by commas.
    """

    client: str
    turn: int
    gender: str
    relevance_text: str
    expression: str
    contrast: str
    portraits: tuple[Image.Image, ...]
    seed: int = 0
    unwanted: str = ""

    def attempt_seed(self, number: int) -> int:
        """The seed of the noise of an attempt, counted from 1."""
        return seed_for(self.seed, "face", self.client, self.turn, number)

    @property
    def prompt(self) -> str:
        """What the painter is asked for."""
        return portrait_prompt(self.gender, self.expression)

    @property
    def negative_prompt(self) -> str:
        """What the painter must not paint."""
        return negative_prompt(self.contrast, self.unwanted)

    def painting(self, seed: int) -> PaintRequest:
        """What the painter gets; `seed` is that of the attempt's noise."""
        return PaintRequest(self.prompt, self.negative_prompt, self.portraits, seed)

    @property
    def statement(self) -> str:
        """The sentence that the relevance filter compares the face with."""
        return relevance_statement(self.relevance_text)

    def verification(self, image: Image.Image) -> VerificationRequest:
        """What the verifier gets for a painted face."""
        return VerificationRequest(image, self.portraits[0], self.statement)


@dataclass(frozen=True)
class Attempt:
    """One painted face.

    Attributes:
        number: of the attempt, from 1.
        seed: of the noise.
        image: the face.
        verdict: of the verifier.
    """

    number: int
    seed: int
    image: Image.Image
    verdict: Verdict


@dataclass(frozen=True)
class ShownFace:
    """The face that the counselor sees.

    Attributes:
        attempts: all faces that were painted, in order.
        chosen: the one that is shown.
        request: what was asked for: the painter's prompts and the statement of the relevance filter.
    """

    attempts: tuple[Attempt, ...]
    chosen: Attempt
    request: FaceRequest

    @property
    def image(self) -> Image.Image:
        """The face that is shown."""
        return self.chosen.image

    @property
    def exhausted(self) -> bool:
        """Whether no attempt was accepted, so that the best of them is shown."""
        return not self.chosen.verdict.accepted


class FaceError(RuntimeError):
    """There is no face to show: a service or filter failed, or as its subclasses say.

    Attributes:
        attempts: what was painted.
    """

    def __init__(self, message: str, attempts: Sequence[Attempt]) -> None:
        super().__init__(message)
        self.attempts = tuple(attempts)


class FacesExhausted(FaceError):
    """No attempt gave a face that may be shown: the attempts are used up."""


class PortraitUnusable(FaceError):
    """The client's portrait is at fault: no attempt can give a face."""


def show_faces(
    painter: Painter,
    verifier: Verifier,
    requests: Sequence[FaceRequest],
    attempts: int = 10,
    on_exhaustion: Exhaustion = "keep_best",
    ahead: int = 1,
) -> list[ShownFace | FaceError]:
    """One face per request, in order: the first accepted attempt. All are painted together.

    A portrait that cannot be used, or a service that failed, gives a FaceError in place of the face.

    Args:
        painter: paints the attempts.
        verifier: accepts or rejects them.
        requests: the faces.
        attempts: per face at most.
        on_exhaustion: if none is accepted, `keep_best` shows the attempt that passed the most checks, among equals the
            one closest to its threshold, but never an unsafe one; `stop` gives a FacesExhausted.
        ahead: attempts of a client that are painted at a time; changes the time taken, not the result.

    Raises:
        ValueError: `attempts` or `ahead` is below 1.
    """
    width = max(len(requests) * ahead, 1)
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

    Every batch is filled up to `width` attempts: a face that is done is yielded, and its place in the next batch goes
    to the next request, so that a few rejected faces are never painted in a small batch of their own.

    Args:
        painter, verifier, attempts, on_exhaustion, ahead: see `show_faces`.
        requests: the faces; the next one is read only when there is room for it.
        width: attempts that are painted together at most; changes the time taken, not the result.

    Raises:
        ValueError: `attempts`, `ahead` or `width` is below 1.
    """
    if attempts < 1 or ahead < 1 or width < 1:
        raise ValueError(f"attempts and ahead must be 1 or more, and width, too; found {attempts}, {ahead}, {width}")
    waiting = enumerate(requests)
    searches: dict[int, _Search] = {}
    while True:
        room = width - sum(len(next_numbers(one.made, attempts, ahead)) for one in searches.values())
        while room > 0 and (following := next(waiting, None)):
            place, request = following
            if refused := refusal(painter, request):
                yield place, refused
                continue
            searches[place] = _Search(request, [])
            room -= min(ahead, attempts)
        if not searches:
            return
        batch = [(place, n) for place, one in searches.items() for n in next_numbers(one.made, attempts, ahead)]
        done = _attempt(painter, verifier, searches, batch[:width], attempts, on_exhaustion)
        searches = {place: one for place, one in searches.items() if place not in done}
        yield from done.items()


class _Search(NamedTuple):
    request: FaceRequest
    made: list[Attempt]


def _attempt(
    painter: Painter,
    verifier: Verifier,
    searches: Mapping[int, _Search],
    batch: Sequence[tuple[int, int]],
    attempts: int,
    on_exhaustion: Exhaustion,
) -> dict[int, ShownFace | FaceError]:
    """Paints and verifies a batch of (place, number of the attempt); returns what it decided."""
    asked = [(searches[place].request, searches[place].request.attempt_seed(number)) for place, number in batch]
    images = painter.paint([request.painting(seed) for request, seed in asked])
    verdicts = verifier.verify([r.verification(image) for (r, _), image in zip(asked, images, strict=True)])
    done: dict[int, ShownFace | FaceError] = {}
    for (place, number), (request, seed), image, verdict in zip(batch, asked, images, verdicts, strict=True):
        if place in done:
            continue  # an earlier attempt of this batch decided it
        made = searches[place].made
        if isinstance(verdict, Exception):
            done[place] = FaceError(f"attempt {number} could not be verified: {verdict}", made)
            continue
        made.append(Attempt(number, seed, image, verdict))
        if outcome := outcome_of(request, made, attempts, on_exhaustion):
            done[place] = outcome
    return done


def refusal(painter: Painter, request: FaceRequest) -> FaceError | None:
    """Why this face cannot be painted with any seed, or None: one client's portrait must not stop the others."""
    try:
        painter.check(request.painting(seed=0))
    except (ValueError, OSError) as error:
        return PortraitUnusable(f"the face cannot be painted: {error}", [])
    return None


def next_numbers(made: Sequence[Attempt], attempts: int, ahead: int) -> range:
    """The numbers of the attempts to paint next."""
    return range(len(made) + 1, min(len(made) + ahead, attempts) + 1)


def outcome_of(
    request: FaceRequest, made: Sequence[Attempt], attempts: int, on_exhaustion: Exhaustion
) -> ShownFace | FaceError | None:
    """The outcome of the attempts made so far, or None if another attempt is due."""
    last = made[-1]
    if last.verdict.accepted:
        return ShownFace(tuple(made), last, request)
    if last.verdict.is_final:
        return PortraitUnusable(
            f"the client's portrait cannot be used ({last.verdict.outcome}); give another one", made
        )
    if last.number < attempts:
        return None
    best = max((attempt for attempt in made if attempt.verdict.outcome != "unsafe"), key=closeness, default=None)
    if on_exhaustion == "keep_best" and best is not None:
        return ShownFace(tuple(made), best, request)
    outcomes = ", ".join(attempt.verdict.outcome for attempt in made)
    return FacesExhausted(f"none of {attempts} faces was accepted ({outcomes})", made)


def closeness(attempt: Attempt) -> tuple[int, bool, float, int]:
    """Sort key of rejected faces, the best last: checks passed, has a score, distance to the threshold, earlier."""
    checks = attempt.verdict.checks
    failed = next((check for check in checks if not check.passed), None)
    return (
        sum(check.passed for check in checks),
        failed is not None,
        failed.margin if failed else 0.0,
        -attempt.number,
    )
