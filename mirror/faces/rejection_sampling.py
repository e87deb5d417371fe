"""Rejection sampling of a client's face: paint and verify until a face is accepted, or the attempts are used up.

The face that is shown depends on the request and the run's seed, not on the rest of the batch: bit-identical on a CPU,
up to the rounding of larger batches on a GPU.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

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
    """

    client: str
    turn: int
    gender: str
    relevance_text: str
    expression: str
    contrast: str
    portraits: tuple[Image.Image, ...]
    seed: int = 0

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
        return negative_prompt(self.contrast)

    def painting(self, seed: int) -> PaintRequest:
        """What the painter gets; `seed` is that of the attempt's noise."""
        """What the painter gets for the attempt of that seed."""
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
    """There is no face to show to this client's counselor.

    Attributes:
        attempts: what was painted.
    """

    def __init__(self, message: str, attempts: Sequence[Attempt]) -> None:
        super().__init__(message)
        self.attempts = tuple(attempts)


def show_faces(
    painter: Painter,
    verifier: Verifier,
    requests: Sequence[FaceRequest],
    attempts: int = 10,
    on_exhaustion: Exhaustion = "keep_best",
    ahead: int = 1,
) -> list[ShownFace | FaceError]:
    """One face per request, in order: the first accepted attempt.

    A portrait that cannot be used, or a service that failed, gives a FaceError in place of the face.

    Args:
        painter: paints the attempts.
        verifier: accepts or rejects them.
        requests: the faces.
        attempts: per face at most.
        on_exhaustion: if none is accepted, `keep_best` shows the attempt that passed the most checks, among equals the
            one closest to its threshold, but never an unsafe one; `stop` gives a FaceError.
        ahead: attempts of a client that are painted at a time; changes the time taken, not the result.

    Raises:
        ValueError: `attempts` or `ahead` is below 1.
    """
    if attempts < 1 or ahead < 1:
        raise ValueError(f"attempts and ahead must be 1 or more, found {attempts} and {ahead}")
    made: list[list[Attempt]] = [[] for _ in requests]
    results: list[ShownFace | FaceError | None] = [refusal(painter, request) for request in requests]
    while open_ := [place for place, result in enumerate(results) if result is None]:
        batch = [(place, number) for place in open_ for number in next_numbers(made[place], attempts, ahead)]
        seeds = [requests[place].attempt_seed(number) for place, number in batch]
        images = painter.paint([requests[p].painting(s) for (p, _), s in zip(batch, seeds, strict=True)])
        verdicts = verifier.verify([requests[p].verification(i) for (p, _), i in zip(batch, images, strict=True)])
        for (place, number), painted, image, verdict in zip(batch, seeds, images, verdicts, strict=True):
            if results[place] is not None:
                continue  # an earlier attempt of this batch decided it
            if isinstance(verdict, Exception):
                results[place] = FaceError(f"attempt {number} could not be verified: {verdict}", made[place])
                continue
            made[place].append(Attempt(number, painted, image, verdict))
            results[place] = outcome_of(requests[place], made[place], attempts, on_exhaustion)
    return [result for result in results if result is not None]


def refusal(painter: Painter, request: FaceRequest) -> FaceError | None:
    """Why this face cannot be painted with any seed, or None: one client's portrait must not stop the others."""
    try:
        painter.check(request.painting(seed=0))
    except (ValueError, OSError) as error:
        return FaceError(f"the face cannot be painted: {error}", [])
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
        return FaceError(f"the client's portrait cannot be used ({last.verdict.outcome}); give another one", made)
    if last.number < attempts:
        return None
    best = max((attempt for attempt in made if attempt.verdict.outcome != "unsafe"), key=closeness, default=None)
    if on_exhaustion == "keep_best" and best is not None:
        return ShownFace(tuple(made), best, request)
    outcomes = ", ".join(attempt.verdict.outcome for attempt in made)
    return FaceError(f"none of {attempts} faces was accepted ({outcomes})", made)


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
