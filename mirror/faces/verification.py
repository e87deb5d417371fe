"""The filter on painted faces: safe, relevant, the same person. Knows nothing of painting or of turns.

Checks go from cheap to dear, and a face that fails one is not shown to the next. `LocalVerifier` holds the models,
`HttpVerifier` asks a service (`python -m api.verification`) with the same models behind it.
"""

import io
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from PIL import Image
from transformers import (
    AutoModelForImageClassification,
    CLIPImageProcessorPil,
    CLIPModel,
    ViTImageProcessorPil,
)
from transformers.utils.logging import disable_progress_bar

from mirror.faces.clip_text import fit, tokens
from mirror.faces.identity import FacePack, read_calibration, similarity
from mirror.files.digests import sha256
from mirror.files.image_file import PictureError, upright
from mirror.models.device import resolve_device
from mirror.models.weights import find, load_pretrained, load_tokenizer
from mirror.services.service import Service, ServiceError
from mirror.transcripts.verdict import Check, Outcome, Verdict

disable_progress_bar()  # a bar a shard is noise in an executed notebook

RELEVANCE = 0.2  # published threshold of the cosine between face and statement, of CLIP ViT-B/32
SAFETY = 0.5  # share of nsfw in nsfw and normal: below it, normal has the higher score

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VerificationRequest:
    """A painted face, the portrait of the person it should be, and the statement it should fit."""

    image: Image.Image
    portrait: Image.Image
    statement: str


class VerificationError(RuntimeError):
    """A face for which the filters themselves failed; it says nothing of the face. The log holds the traceback."""


class Verifier(Protocol):
    """Anything that says which faces may be shown."""

    def verify(self, requests: Sequence[VerificationRequest]) -> Sequence[Verdict | ServiceError | VerificationError]:
        """A verdict per request, in order; where a service or the filters failed, the error in the verdict's place."""
        ...

    def facts(self) -> dict[str, Any]:
        """Models, revisions and thresholds, for the record of a run."""
        ...


@dataclass(frozen=True)
class Finding:
    """What one filter says of one face: a check, or why none could be made; `outcome` is None where it passed."""

    outcome: Outcome | None
    check: Check | None = None


class SafetyFilter:
    """An image classifier with the labels `normal` and `nsfw`, such as Falconsai/nsfw_image_detection."""

    def __init__(self, name: str, device: str) -> None:
        folder, self.revision = find(name)
        self.name = name
        self.model = load_pretrained(AutoModelForImageClassification, folder, torch.float32).to(device).eval()
        self.processor = ViTImageProcessorPil.from_pretrained(folder)
        labels = {label.lower(): index for index, label in self.model.config.id2label.items()}
        if not {"normal", "nsfw"} <= labels.keys():
            raise ValueError(f"{name}: the labels must be normal and nsfw, found {', '.join(labels)}")
        self.places = [labels["normal"], labels["nsfw"]]

    def check(self, requests: Sequence[VerificationRequest]) -> list[Finding]:
        pixels = pixel_values(self.processor, requests)
        logits = in_batches(lambda x: self.model(x).logits, pixels.to(self.model.device))
        scores = logits[:, self.places].softmax(-1)[:, 1].tolist()
        return [
            Finding(
                None if score < SAFETY else "unsafe",
                Check(name="safe", passed=score < SAFETY, score=score, threshold=SAFETY, model=self.name),
            )
            for score in scores
        ]


class RelevanceFilter:
    """A CLIP model: the cosine of face and statement."""

    def __init__(self, name: str, threshold: float | None, device: str) -> None:
        folder, self.revision = find(name)
        own = read_calibration(folder).get("threshold", RELEVANCE)
        self.name, self.threshold = name, own if threshold is None else threshold
        self.model = load_pretrained(CLIPModel, folder, torch.float32).to(device).eval()
        self.tokenizer = load_tokenizer(folder)
        self.processor = CLIPImageProcessorPil.from_pretrained(folder)

    def check(self, requests: Sequence[VerificationRequest]) -> list[Finding]:
        device = self.model.device
        pixels = pixel_values(self.processor, requests)
        ids = torch.tensor([fit(self.tokenizer, tokens(self.tokenizer, r.statement)) for r in requests])
        faces = in_batches(lambda x: self.model.get_image_features(x).pooler_output, pixels.to(device))
        words = in_batches(lambda x: self.model.get_text_features(x).pooler_output, ids.to(device))
        scores = torch.cosine_similarity(faces, words).tolist()
        return [
            Finding(
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
    """An insightface pack: exactly one face, and the cosine of its embedding and the portrait's."""

    def __init__(self, name: str, threshold: float | None, device: str) -> None:
        self.name = name
        self.pack = FacePack.load(name, device)
        calibrated = self.pack.calibrated_threshold() if threshold is None else threshold
        if calibrated is None:
            raise ValueError(
                f"{name}: no identity threshold; the published 0.3 belongs to another embedding, so find this pack's "
                "(python -m mirror.faces.calibration) or give a number (identity_threshold)"
            )
        self.threshold = calibrated

    def check(self, requests: Sequence[VerificationRequest]) -> list[Finding]:
        return [self._check(request) for request in requests]

    def _check(self, request: VerificationRequest) -> Finding:
        portrait = self.pack.portrait(request.portrait)
        if portrait is None:
            return Finding("no_face_in_portrait")
        faces = self.pack.faces(request.image)
        if len(faces) != 1:
            return Finding("several_faces" if faces else "no_face")
        score = similarity(faces[0].embedding, portrait.embedding)
        passed = score >= self.threshold
        model = f"{self.name}/{self.pack.recognition.name}"
        return Finding(
            None if passed else "another_person",
            Check(name="same_person", passed=passed, score=score, threshold=self.threshold, model=model),
        )


class LocalVerifier:
    """The three filters in this process."""

    def __init__(self, safety: SafetyFilter, relevance: RelevanceFilter, identity: IdentityFilter) -> None:
        self.safety, self.relevance, self.identity = safety, relevance, identity

    @classmethod
    def load(
        cls,
        safety_model: str,
        relevance_model: str,
        face_pack: str,
        relevance_threshold: float | None = None,
        identity_threshold: float | None = None,
        device: str = "auto",
    ) -> "LocalVerifier":
        """The filters of three models: folders or Hub ids (`owner/name`, `owner/name@revision`), and a pack's folder.

        A threshold that is None is the one in the `calibration.json` of its model's folder; without such a file, CLIP
        has the published 0.2, and the pack is refused. Not for several threads at once: a service gives it one.

        Raises:
            FileNotFoundError: a model cannot be had.
            ValueError: a model is not what it should be, the pack has no threshold, or there is no such GPU.
        """
        device = resolve_device(device)
        return cls(
            SafetyFilter(safety_model, device),
            RelevanceFilter(relevance_model, relevance_threshold, device),
            IdentityFilter(face_pack, identity_threshold, device),
        )

    def verify(self, requests: Sequence[VerificationRequest]) -> list[Verdict | VerificationError]:
        """A verdict per request, in order.

        Where the filters fail on a batch, each of its faces is checked again alone, and one on which they fail then,
        too, has a VerificationError in its verdict's place.
        """
        try:
            return self._verdicts(requests)
        except Exception as error:  # of PyTorch, onnxruntime, a tokenizer, …: one request's fault must stay its own
            if len(requests) == 1:
                log.exception("a face cannot be verified")
                return [VerificationError(f"the filters failed on it ({type(error).__name__}: {error})")]
            log.warning("verifying %d faces together failed (%s); each is tried again alone", len(requests), error)
        return [answer for request in requests for answer in self.verify([request])]

    @torch.inference_mode()
    def _verdicts(self, requests: Sequence[VerificationRequest]) -> list[Verdict]:
        shown = [readable(request) for request in requests]
        outcomes: list[Outcome | None] = [None if isinstance(r, VerificationRequest) else r for r in shown]
        checks: list[list[Check]] = [[] for _ in requests]
        for stage in (self.safety, self.relevance, self.identity):
            open_ = [place for place, outcome in enumerate(outcomes) if outcome is None]
            findings = stage.check([shown[place] for place in open_]) if open_ else []
            for place, finding in zip(open_, findings, strict=True):
                outcomes[place] = finding.outcome
                checks[place] += [finding.check] if finding.check else []
        return [
            Verdict(outcome=outcome or "accepted", checks=tuple(made))
            for outcome, made in zip(outcomes, checks, strict=True)
        ]

    def facts(self) -> dict[str, Any]:
        return {
            "safety": {"model": self.safety.name, "revision": self.safety.revision, "threshold": SAFETY},
            "relevance": {
                "model": self.relevance.name,
                "revision": self.relevance.revision,
                "threshold": self.relevance.threshold,
            },
            "identity": {
                "model": self.identity.name,
                "recognition": self.identity.pack.recognition.name,
                "sha256": sha256(self.identity.pack.recognition),
                "threshold": self.identity.threshold,
                "detection_size": self.identity.pack.detection_size,
                "providers": self.identity.pack.providers,
            },
        }


class HttpVerifier:
    """The filters behind a verification service; the requests of a batch go out together."""

    def __init__(self, service: Service, concurrency: int = 16) -> None:
        self.service = service
        self.concurrency = concurrency

    def verify(self, requests: Sequence[VerificationRequest]) -> list[Verdict | ServiceError]:
        with ThreadPoolExecutor(self.concurrency) as pool:
            return list(pool.map(self._verify, requests))

    def _verify(self, request: VerificationRequest) -> Verdict | ServiceError:
        shown = readable(request)
        if not isinstance(shown, VerificationRequest):
            return Verdict(outcome=shown)
        pictures = {"image": shown.image, "base_image": shown.portrait}
        files = {name: (f"{name}.png", png(picture), "image/png") for name, picture in pictures.items()}
        try:
            return self.service.read(Verdict, self.service.post({"statement": request.statement}, files))
        except ServiceError as error:
            return error

    def facts(self) -> dict[str, Any]:
        """What the service says of itself. Raises ServiceError where it does not answer."""
        return {"url": self.service.url, "service": self.service.health()}


def readable(request: VerificationRequest) -> VerificationRequest | Outcome:
    """The request with its pictures upright in RGB, or what keeps them from being checked."""
    try:
        portrait = upright(request.portrait)
    except PictureError:
        return "unreadable_portrait"
    try:
        return replace(request, image=upright(request.image), portrait=portrait)
    except PictureError:
        return "unreadable_image"


def pixel_values(processor: Any, requests: Sequence[VerificationRequest]) -> torch.Tensor:
    """[n, 3, height, width]: the faces as a model takes them. One by one: scaling takes 10 bytes per pixel."""
    return torch.cat([processor(request.image, return_tensors="pt")["pixel_values"] for request in requests])


def in_batches(function: Any, inputs: torch.Tensor) -> torch.Tensor:
    """`function` over the rows of `inputs`. On a CPU one by one: as fast, and the same to the bit in any company."""
    return torch.cat([function(rows) for rows in inputs.split(1 if inputs.device.type == "cpu" else 64)])


def png(image: Image.Image) -> bytes:
    """`image` as it goes over the wire, so that the service sees the very pixels."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
