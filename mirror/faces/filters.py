"""The three filters on painted faces: safe, relevant, the same person. Each is one model with one threshold."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from PIL import Image
from transformers import (
    AutoModelForImageClassification,
    CLIPImageProcessorPil,
    CLIPModel,
    ViTImageProcessorPil,
)

from mirror.faces.clip_text import fit, tokens
from mirror.faces.identity import FacePack, read_calibration, similarity
from mirror.models.weights import find, load_pretrained, load_tokenizer
from mirror.transcripts.verdict import Check, Outcome, portrait_fault

RELEVANCE = 0.2  # published threshold of the cosine between face and statement, for CLIP ViT-B/32
SAFETY = 0.5  # softmax share of nsfw against normal; below it, normal has the higher logit
GPU_BATCH = 64  # faces per forward pass
THREADS_OF_A_FACE = 4  # more threads gain little for one face, so further ones take further faces


@dataclass(frozen=True)
class VerificationRequest:
    """What is verified.

    Attributes:
        image: the painted face.
        portrait: a picture of the person that the face should show.
        statement: the text that the face should match.
    """

    image: Image.Image
    portrait: Image.Image
    statement: str


@dataclass(frozen=True)
class FilterResult:
    """What one filter found for one face.

    Attributes:
        outcome: why the face is rejected; None if it passed.
        check: score and threshold; None where none could be computed (no face, several faces).
    """

    outcome: Outcome | None
    check: Check | None = None


class Filter(Protocol):
    """One check of painted faces."""

    def check(self, requests: Sequence[VerificationRequest]) -> list[FilterResult]:
        """One result per request, in order."""
        ...


class SafetyFilter:
    """An image classifier with the labels `normal` and `nsfw`, such as Falconsai/nsfw_image_detection."""

    def __init__(self, name: str, device: str) -> None:
        """Loads the model of a folder or Hub id.

        Raises:
            FileNotFoundError: the model was not found.
            ValueError: the model has other labels.
        """
        folder, self.revision = find(name)
        self.name = name
        self.model = load_pretrained(AutoModelForImageClassification, folder, torch.float32).to(device).eval()
        self.processor = ViTImageProcessorPil.from_pretrained(folder)
        labels = {label.lower(): index for index, label in self.model.config.id2label.items()}
        if not {"normal", "nsfw"} <= labels.keys():
            raise ValueError(f"{name}: the labels must be normal and nsfw, found {', '.join(labels)}")
        self.places = [labels["normal"], labels["nsfw"]]

    def check(self, requests: Sequence[VerificationRequest]) -> list[FilterResult]:
        """Scores in 0…1: the share of nsfw in the softmax over both labels; a face passes below the threshold."""
        pixels = pixel_values(self.processor, requests)
        logits = in_batches(lambda x: self.model(x).logits, pixels.to(self.model.device))
        scores = logits[:, self.places].softmax(-1)[:, 1].tolist()
        return [
            FilterResult(
                None if score < SAFETY else "unsafe",
                Check(name="safe", passed=score < SAFETY, score=score, threshold=SAFETY, model=self.name),
            )
            for score in scores
        ]


class RelevanceFilter:
    """A CLIP model: the cosine similarity of face and statement."""

    def __init__(self, name: str, threshold: float | None, device: str) -> None:
        """Loads the model of a folder or Hub id.

        Args:
            name: the folder or Hub id.
            threshold: cosine, -1…1; None: that of the folder's `calibration.json`, else the published 0.2.
            device: `cpu` or `cuda:<number>`.

        Raises:
            FileNotFoundError: the model was not found.
            ValueError: the model or its calibration cannot be read.
        """
        folder, self.revision = find(name)
        own = read_calibration(folder).get("threshold", RELEVANCE)
        self.name, self.threshold = name, own if threshold is None else threshold
        self.model = load_pretrained(CLIPModel, folder, torch.float32).to(device).eval()
        self.tokenizer = load_tokenizer(folder)
        self.processor = CLIPImageProcessorPil.from_pretrained(folder)

    def check(self, requests: Sequence[VerificationRequest]) -> list[FilterResult]:
        """Scores are cosines, -1…1; a face passes at or above the threshold."""
        device = self.model.device
        pixels = pixel_values(self.processor, requests)
        ids = torch.tensor([fit(self.tokenizer, tokens(self.tokenizer, r.statement)) for r in requests])
        faces = in_batches(lambda x: self.model.get_image_features(x).pooler_output, pixels.to(device))
        words = in_batches(lambda x: self.model.get_text_features(x).pooler_output, ids.to(device))
        scores = torch.cosine_similarity(faces, words).tolist()
        return [
            FilterResult(
                None if score >= self.threshold else "irrelevant",
                Check(
                    name="relevant",
                    passed=score >= self.threshold,
                    score=score,
                    threshold=self.threshold,
                    model=self.name,
                ),
            )
            for score in scores
        ]


class IdentityFilter:
    """An insightface pack: exactly one face, and the cosine similarity of its embedding and the portrait's."""

    def __init__(self, name: str, threshold: float | None, device: str) -> None:
        """Loads the pack of a folder.

        Args:
            name: the pack's folder.
            threshold: cosine, -1…1; None: that of the pack's `calibration.json`.
            device: `cpu` or `cuda:<number>`.

        Raises:
            FileNotFoundError: there is no pack in the folder.
            ValueError: the pack cannot be read, or has no threshold.
        """
        self.name = name
        self.pack = FacePack.load(name, device)
        calibrated = self.pack.calibrated_threshold() if threshold is None else threshold
        if calibrated is None:
            raise ValueError(
                f"{name}: no identity threshold; the published 0.3 belongs to another embedding, so find this pack's "
                "(python -m mirror.faces.calibration) or give a number (identity_threshold)"
            )
        self.threshold = calibrated

    def check(self, requests: Sequence[VerificationRequest]) -> list[FilterResult]:
        """Scores are cosines, -1…1; a face passes at or above the threshold."""
        with ThreadPoolExecutor(max(1, torch.get_num_threads() // THREADS_OF_A_FACE), "faces") as pool:
            return list(pool.map(self._check, requests))

    def _check(self, request: VerificationRequest) -> FilterResult:
        portrait = self.pack.portrait(request.portrait)
        if fault := portrait_fault(portrait):
            return FilterResult(fault)
        faces = self.pack.faces(request.image)
        if len(faces) != 1:
            return FilterResult("several_faces" if faces else "no_face")
        score = similarity(faces[0].embedding, portrait[0].embedding)
        passed = score >= self.threshold
        model = f"{self.name}/{self.pack.recognition.name}"
        return FilterResult(
            None if passed else "another_person",
            Check(name="same_person", passed=passed, score=score, threshold=self.threshold, model=model),
        )


def pixel_values(processor: Any, requests: Sequence[VerificationRequest]) -> torch.Tensor:
    """[n, 3, height, width]: the preprocessed faces. One at a time: resizing takes 10 bytes per pixel."""
    return torch.cat([processor(request.image, return_tensors="pt")["pixel_values"] for request in requests])


def in_batches(function: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """`function` over the rows of `inputs`. On a CPU one at a time: as fast, and bit-identical in any batch."""
    return torch.cat([function(rows) for rows in inputs.split(1 if inputs.device.type == "cpu" else GPU_BATCH)])
