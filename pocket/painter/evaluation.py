"""Evaluates a painter and its filters on held-out drawn people, through the calls of a session.

Works on any painter and verifier that `mirror` loads.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image

from mirror.clients.lexicon import lexicon
from mirror.faces.photomaker import PaintRecipe
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.rejection_sampling import FaceRequest, ShownFace, show_faces
from mirror.faces.verification import LocalVerifier, VerificationRequest
from mirror.progress_bar import progress_bar
from mirror.prompts import relevance_statement
from pocket.drawing.expressions import EXPRESSIONS
from pocket.facepack.evaluation import area_under_curve
from pocket.painter.reader import Reader
from pocket.pictures.portraits import draw_portraits, identity_of
from pocket.pictures.snapshots import take_snapshot
from pocket.pictures.unsafe import cover
from pocket.seeds import stable_seed, stream
from pocket.texts.wordings import cues_of

FAMILY = "painter's exam"  # held-out people: no training uses this family
NAMES = list(EXPRESSIONS)
SIZE = 112  # sides of portraits and faces in pixels


@dataclass(frozen=True)
class FilterScores:
    """Scores of CLIP and the safety classifier on drawn faces; rates are 0 … 1.

    Attributes:
        relevance: Area under the ROC curve of matching cues against cues of the contrasting expression.
        fitting: Rate of faces accepted with a matching cue.
        contrasting: Rate of faces accepted with a cue of the contrasting expression.
        other: Rate of faces accepted with a cue of any other expression.
        safety: Area under the ROC curve of covered (unsafe) pictures against the same pictures uncovered.
        refused: Rate of unsafe pictures rejected.
        passed: Rate of safe pictures passed.
        faces: Number of faces.
    """

    relevance: float
    fitting: float
    contrasting: float
    other: float
    safety: float
    refused: float
    passed: float
    faces: int


def evaluate_filters(verifier: LocalVerifier, persons: int, seed: int) -> FilterScores:
    """Evaluates the filters on every expression of `persons` people."""
    portraits = draw_portraits(FAMILY, persons, len(NAMES), SIZE, seed)
    images = [Image.fromarray(image) for image in portraits.images]
    random = stream("cues of the exam", seed)

    def score(images: Sequence[Image.Image], names: Sequence[str]) -> np.ndarray:
        cues = [random.choice(cues_of(name)) for name in names]
        requests = [
            VerificationRequest(image, image, relevance_statement(cue)) for image, cue in zip(images, cues, strict=True)
        ]
        return np.array([finding.check.score for finding in verifier.relevance.check(requests)])

    shown = [NAMES[number] for number in portraits.expressions]
    own = score(images, shown)
    contrast = score(images, [EXPRESSIONS[name].contrast for name in shown])
    other = score(images, [random.choice([n for n in NAMES if n != name]) for name in shown])
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.from_numpy(portraits.images).permute(0, 3, 1, 2)
    covered = cover(pixels, generator).permute(0, 2, 3, 1).numpy()
    unsafe, safe = (_unsafe(verifier, pictures) for pictures in (covered, portraits.images))
    threshold = verifier.relevance.threshold
    return FilterScores(
        relevance=area_under_curve(own, contrast),
        fitting=float((own >= threshold).mean()),
        contrasting=float((contrast >= threshold).mean()),
        other=float((other >= threshold).mean()),
        safety=area_under_curve(unsafe, safe),
        refused=float((unsafe >= 0.5).mean()),
        passed=float((safe < 0.5).mean()),
        faces=len(images),
    )


def _unsafe(verifier: LocalVerifier, pictures: np.ndarray) -> np.ndarray:
    requests = [VerificationRequest(Image.fromarray(p), Image.fromarray(p), "") for p in pictures]
    return np.array([finding.check.score for finding in verifier.safety.check(requests)])


@dataclass(frozen=True)
class PainterScores:
    """Scores of a painter; rates are 0 … 1 of the `turns` unless stated.

    Attributes:
        accepted: Rate of turns with an accepted face.
        at_once: Rate of turns whose first attempt was accepted.
        attempts: Mean number of attempts per turn.
        agreed: Rate of accepted faces that an independent classifier assigns the requested expression.
        same: Rate of first attempts that the identity check verifies as the person of the portrait.
        swapped: The same against another person's portrait.
        unmerged: The same for faces painted without merging the identity.
        outcomes: Number of attempts by outcome.
        turns: Number of turns.
    """

    accepted: float
    at_once: float
    attempts: float
    agreed: float
    same: float
    swapped: float
    unmerged: float
    outcomes: dict[str, int]
    turns: int


def make_requests(turns: int, seed: int) -> list[FaceRequest]:
    """Returns turns of different held-out people, cycling through the expressions, described by the lexicon."""
    random = stream("turns of the exam", seed)
    requests = []
    for number in range(turns):
        who = identity_of(FAMILY, seed, 10_000 + number)
        cue = random.choice(cues_of(NAMES[number % len(NAMES)]))
        face = lexicon().face(cue)
        moment = stable_seed("portrait of the exam", seed, number)
        portrait = take_snapshot(who, "calm", moment)
        requests.append(FaceRequest(str(number), 1, who.gender, cue, face.shown, face.contrast, (portrait,), seed))
    return requests


def evaluate_painter(
    painter: PhotoMaker, verifier: LocalVerifier, reader: Reader, turns: int, seed: int, attempts: int = 10
) -> tuple[PainterScores, list[ShownFace]]:
    """Evaluates the painter.

    Args:
        painter: The painter.
        verifier: The filters that accept or reject its faces.
        reader: An independent classifier of expressions.
        turns: Number of turns.
        seed: Seed of people, cues and attempts.
        attempts: Most attempts per turn.

    Returns:
        The scores, and the face shown in each turn.
    """
    requests = make_requests(turns, seed)
    shown: list[ShownFace] = []
    with progress_bar("faces", "turns", turns) as bar:
        for start in range(0, turns, 48):
            shown += show_faces(painter, verifier, requests[start : start + 48], attempts)
            bar.update(len(shown) - bar.n)
    return score_faces(painter, verifier, reader, requests, shown), shown


def score_faces(
    painter: PhotoMaker,
    verifier: LocalVerifier,
    reader: Reader,
    requests: Sequence[FaceRequest],
    shown: Sequence[ShownFace],
) -> PainterScores:
    """Scores the faces that `painter` showed for the `requests` of `make_requests`, and paints them unmerged."""
    turns = len(requests)
    accepted = [k for k, face in enumerate(shown) if not face.exhausted]
    outcomes = [attempt.verdict.outcome for face in shown for attempt in face.attempts]
    first = [face.attempts[0].image for face in shown]
    swapped = [requests[(k + 1) % turns].portraits[0] for k in range(turns)]
    never = replace(painter.recipe, merge_step=painter.recipe.steps, merge_at=None)
    unmerged = paint_with(painter, never, requests)
    return PainterScores(
        accepted=len(accepted) / turns,
        at_once=float(np.mean([face.attempts[0].verdict.accepted for face in shown])),
        attempts=float(np.mean([len(face.attempts) for face in shown])),
        agreed=agreement(reader, [shown[k].image for k in accepted], [k % len(NAMES) for k in accepted]),
        same=same_person(verifier, first, [request.portraits[0] for request in requests]),
        swapped=same_person(verifier, first, swapped),
        unmerged=same_person(verifier, unmerged, [request.portraits[0] for request in requests]),
        outcomes={outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))},
        turns=turns,
    )


def paint_with(painter: PhotoMaker, recipe: PaintRecipe, requests: Sequence[FaceRequest]) -> list[Image.Image]:
    """Paints the first attempts of the requests with another recipe."""
    own, painter.recipe = painter.recipe, recipe
    try:
        return painter.paint([request.painting(request.attempt_seed(1)) for request in requests])
    finally:
        painter.recipe = own


def same_person(verifier: LocalVerifier, faces: Sequence[Image.Image], portraits: Sequence[Image.Image]) -> float:
    """Returns the rate of faces that the identity check verifies as the person of the portrait."""
    requests = [
        VerificationRequest(face, portrait.convert("RGB"), "") for face, portrait in zip(faces, portraits, strict=True)
    ]
    return float(np.mean([finding.outcome is None for finding in verifier.identity.check(requests)]))


def agreement(reader: Reader, faces: Sequence[Image.Image], expected: Sequence[int]) -> float:
    """Returns the rate of faces to which the classifier assigns the expected expression; 0 without faces."""
    if not faces:
        return 0.0
    pixels = torch.from_numpy(np.stack([np.asarray(face) for face in faces])).permute(0, 3, 1, 2)
    return float((reader.read(pixels).cpu() == torch.tensor(expected)).float().mean())
