"""Verifies painted faces by three filters: safe, relevant, the same person.

Checks run cheapest first and short-circuit: a face that fails one is not given to the next. `LocalVerifier` runs the
models in this process; `HttpVerifier` asks a service (`python -m api.verification`) that runs the same models.
"""

import io
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

import torch
from PIL import Image

from mirror.faces.filters import SAFETY, Filter, IdentityFilter, RelevanceFilter, SafetyFilter, VerificationRequest
from mirror.files.digests import sha256
from mirror.files.image_file import PictureError, upright
from mirror.models.device import resolve_device
from mirror.services.service import Service, ServiceError
from mirror.transcripts.verdict import Check, Outcome, Verdict, portrait_fault

__all__ = ["HttpVerifier", "LocalVerifier", "VerificationError", "VerificationRequest", "Verifier", "png"]

log = logging.getLogger(__name__)


class VerificationError(RuntimeError):
    """The filters themselves failed on a face; this is no verdict on it. The log holds the traceback."""


class Verifier(Protocol):
    """Anything that decides which faces may be shown."""

    def verify(self, requests: Sequence[VerificationRequest]) -> Sequence[Verdict | ServiceError | VerificationError]:
        """One verdict per request, in order; the error in place of a verdict if a service or the filters failed."""
        ...

    def facts(self) -> dict[str, Any]:
        """Models, revisions and thresholds, for the record of a run."""
        ...


class LocalVerifier:
    """The three filters in this process. Create one with `load`."""

    def __init__(self, safety: SafetyFilter, relevance: RelevanceFilter, identity: IdentityFilter) -> None:
        """Uses filters that are loaded already."""
        self.safety, self.relevance, self.identity = safety, relevance, identity
        device = safety.model.device
        # A painter may have queued seconds of work on the GPU's default stream.
        self._stream = torch.cuda.Stream(device, priority=-1) if device.type == "cuda" else None

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
        """Loads the three filters. Not thread-safe: a service calls it from one thread.

        Args:
            safety_model: folder or Hub id (`owner/name`, `owner/name@revision`) of an image classifier.
            relevance_model: folder or Hub id of a CLIP model.
            face_pack: folder of an insightface pack.
            relevance_threshold: cosine, -1…1; None: that of the folder's `calibration.json`, else the published 0.2.
            identity_threshold: cosine, -1…1; None: that of the pack's `calibration.json`; a pack without one is
                refused.
            device: `auto` is the first GPU if there is one.

        Raises:
            FileNotFoundError: a model was not found.
            ValueError: a model is of another kind, the pack has no threshold, or there is no such GPU.
        """
        device = resolve_device(device)
        return cls(
            SafetyFilter(safety_model, device),
            RelevanceFilter(relevance_model, relevance_threshold, device),
            IdentityFilter(face_pack, identity_threshold, device),
        )

    def verify(self, requests: Sequence[VerificationRequest]) -> list[Verdict | VerificationError]:
        """One verdict per request, in order.

        If the filters raise on a batch, each of its faces is checked again alone; a face on which they raise again
        gets a VerificationError in place of a verdict.
        """
        try:
            with torch.cuda.stream(self._stream):
                return [*self._verdicts(requests)]
        except Exception as error:  # of PyTorch, onnxruntime, a tokenizer, …: must not fail the other requests
            if len(requests) == 1:
                log.exception("a face cannot be verified")
                return [VerificationError(f"the filters failed on it ({type(error).__name__}: {error})")]
            log.warning("verifying %d faces together failed (%s); each is checked again alone", len(requests), error)
        return [answer for request in requests for answer in self.verify([request])]

    @torch.inference_mode()
    def _verdicts(self, requests: Sequence[VerificationRequest]) -> list[Verdict]:
        readable_or_not = [readable(request) for request in requests]
        shown = {place: one for place, one in enumerate(readable_or_not) if isinstance(one, VerificationRequest)}
        # Portraits come first: each is looked at once, and one that shows no face or several is no matter of attempts.
        outcomes = [
            portrait_fault(self.identity.pack.portrait(one.portrait)) if isinstance(one, VerificationRequest) else one
            for one in readable_or_not
        ]
        checks: list[list[Check]] = [[] for _ in requests]
        filters: tuple[Filter, ...] = (self.safety, self.relevance, self.identity)
        for one_filter in filters:
            passed = [place for place, outcome in enumerate(outcomes) if outcome is None]
            results = one_filter.check([shown[place] for place in passed]) if passed else []
            for place, result in zip(passed, results, strict=True):
                outcomes[place] = result.outcome
                checks[place] += [result.check] if result.check else []
        return [
            Verdict(outcome=outcome or "accepted", checks=tuple(made))
            for outcome, made in zip(outcomes, checks, strict=True)
        ]

    def facts(self) -> dict[str, Any]:
        """Models, revisions and thresholds, for the record of a run."""
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
    """Asks the verification service; the requests of a batch are sent concurrently."""

    def __init__(self, service: Service, concurrency: int = 16) -> None:
        """Sends at most `concurrency` requests at a time."""
        self.service = service
        self.concurrency = concurrency

    def verify(self, requests: Sequence[VerificationRequest]) -> list[Verdict | ServiceError]:
        """One verdict per request, in order; a ServiceError in place of one that the service did not give."""
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
        """What the service reports about itself. Raises ServiceError if it does not answer."""
        return {"url": self.service.url, "service": self.service.health()}


def readable(request: VerificationRequest) -> VerificationRequest | Outcome:
    """The request with its pictures upright in RGB; the outcome instead if one cannot be read."""
    try:
        portrait = upright(request.portrait)
    except PictureError:
        return "unreadable_portrait"
    try:
        return replace(request, image=upright(request.image), portrait=portrait)
    except PictureError:
        return "unreadable_image"


def png(image: Image.Image) -> bytes:
    """`image` as a PNG file: lossless, so that the service sees the same pixels."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
