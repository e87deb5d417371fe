"""Evaluates painters side by side on the same held-out people: what few steps save, and what they keep."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from tqdm import tqdm

from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.rejection_sampling import FaceRequest, ShownFace, show_faces
from mirror.faces.verification import LocalVerifier, VerificationRequest
from mirror.prompts import relevance_statement
from pocket.drawing.expressions import EXPRESSIONS
from pocket.facepack.evaluation import area_under_curve
from pocket.painter.evaluation import NAMES, PainterScores, make_requests, score_faces
from pocket.painter.reader import Reader
from pocket.seeds import stream
from pocket.texts.wordings import cues_of

TOGETHER = 12  # turns that each painter paints before it is the next one's turn: all see the same load of the machine


@dataclass(frozen=True)
class ComparedScores:
    """Scores of one painter beside others.

    Attributes:
        painter: Acceptance, identity and expression.
        identity: Area under the ROC curve of the identity filter's scores of first attempts: own portrait against
            another person's.
        relevance: The same of the relevance filter's: own cue against one of the contrasting expression.
        evaluations: Of the denoiser per picture.
        seconds: CPU seconds of painting and filters, rejected attempts included, per accepted face.
        distance: Root mean square of the difference of first attempts from the first painter's, in gray levels of 255.
    """

    painter: PainterScores
    identity: float
    relevance: float
    evaluations: int
    seconds: float
    distance: float


def evaluate_distilled(
    painters: Mapping[str, PhotoMaker],
    verifier: LocalVerifier,
    reader: Reader,
    turns: int,
    seed: int,
    attempts: int = 10,
) -> dict[str, ComparedScores]:
    """Evaluates painters on the same turns, in turn.

    Args:
        painters: By name; the first one is what the others' pictures are compared with.
        verifier: The filters that accept or reject the faces, on the CPU.
        reader: An independent classifier of expressions.
        turns: Number of turns, each of another person.
        seed: Seed of people, cues and attempts.
        attempts: Most attempts per turn.
    """
    requests = make_requests(turns, seed)
    shown: dict[str, list[ShownFace]] = {name: [] for name in painters}
    seconds = dict.fromkeys(painters, 0.0)
    for painter in painters.values():
        show_faces(painter, verifier, requests[:1], 1)  # what happens only once is not counted
    for start in tqdm(range(0, turns, TOGETHER), desc="faces", unit="batch", mininterval=5):
        for name, painter in painters.items():
            begin = time.process_time()
            shown[name] += show_faces(painter, verifier, requests[start : start + TOGETHER], attempts)
            seconds[name] += time.process_time() - begin
    first = {name: [face.attempts[0].image for face in faces] for name, faces in shown.items()}
    reference = pixels(next(iter(first.values())))
    compared = {}
    for name, painter in painters.items():
        scores = score_faces(painter, verifier, reader, requests, shown[name])
        compared[name] = ComparedScores(
            painter=scores,
            identity=identity_area(verifier, requests, first[name]),
            relevance=relevance_area(verifier, requests, first[name], seed),
            evaluations=painter.facts()["evaluations"],
            seconds=seconds[name] / max(scores.outcomes.get("accepted", 0), 1),
            distance=float(np.sqrt(np.square(pixels(first[name]) - reference).mean())),
        )
    return compared


def pixels(images: Sequence[Image.Image]) -> np.ndarray:
    """Returns images of one size as [n, s, s, 3] float64, 0 … 255."""
    return np.stack([np.asarray(image, dtype=np.float64) for image in images])


def identity_area(verifier: LocalVerifier, requests: Sequence[FaceRequest], faces: Sequence[Image.Image]) -> float:
    """Returns the area under the ROC curve of own against others' portraits; a face without a score counts as -1."""
    own = [request.portraits[0].convert("RGB") for request in requests]

    def scores(portraits: Sequence[Image.Image]) -> np.ndarray:
        asked = [VerificationRequest(face, portrait, "") for face, portrait in zip(faces, portraits, strict=True)]
        checks = [finding.check for finding in verifier.identity.check(asked)]
        return np.array([-1.0 if check is None else check.score for check in checks])

    return area_under_curve(scores(own), scores([*own[1:], *own[:1]]))


def relevance_area(
    verifier: LocalVerifier, requests: Sequence[FaceRequest], faces: Sequence[Image.Image], seed: int
) -> float:
    """Returns the area under the ROC curve of own cues against cues of the contrasting expression."""
    random = stream("contrasting cues of the exam", seed)
    contrasts = [EXPRESSIONS[NAMES[k % len(NAMES)]].contrast for k in range(len(requests))]
    other = [relevance_statement(random.choice(cues_of(name))) for name in contrasts]

    def scores(statements: Sequence[str]) -> np.ndarray:
        asked = [VerificationRequest(face, face, text) for face, text in zip(faces, statements, strict=True)]
        return np.array([finding.check.score for finding in verifier.relevance.check(asked)])

    return area_under_curve(scores([request.statement for request in requests]), scores(other))
