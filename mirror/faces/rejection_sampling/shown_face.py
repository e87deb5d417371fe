"""The face of a client in one turn: what is asked for, the attempts at it, and what their verdicts decide.

Knows nothing of how attempts are painted and verified, or in which batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from mirror.faces.photomaker import PaintRequest
from mirror.faces.verification import VerificationRequest
from mirror.prompts import negative_prompt, portrait_prompt, relevance_statement
from mirror.seeds import seed_for
from mirror.transcripts.verdict import Verdict

Exhaustion = Literal["keep_best", "stop"]


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


@dataclass(frozen=True)
class GivenFace:
    """A face that is known from elsewhere: neither painted nor verified here.

    Attributes:
        image: the face.
        request: whose face it is; its expression and contrast may be empty.
    """

    image: Image.Image
    request: FaceRequest


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
