"""Reads gender and age of faces with the `genderage` model of an insightface pack, and compares painted with real ones.

Both are a model's readings of a picture. They say nothing about how a person sees themselves, or how old they are.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from mirror.faces.identity import DETECTION_SIZE, WHERE_FROM, PortraitCache, find_faces, load_models, read_calibration
from mirror.faces.verification import VerificationError, VerificationRequest, Verifier
from mirror.files.digests import sha256
from mirror.files.image_file import upright
from mirror.models.device import resolve_device
from mirror.paths import display_path, input_path
from mirror.services.service import ServiceError
from mirror.transcripts.verdict import Check, Outcome, Verdict, portrait_fault

Gender = Literal["woman", "man"]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FaceReading:
    """What the model reads of one face.

    Attributes:
        gender: `woman` or `man`.
        age: in years.
        box: left, top, right, bottom in pixels.
    """

    gender: Gender
    age: int
    box: tuple[float, float, float, float]


class FaceAttributes:
    """Detector and gender-and-age model of a pack. Create one with `load`.

    Attributes:
        name: of the pack's folder, as it was given.
        model: file of the gender-and-age model.
        detection_size: side in pixels of the detector's square input.
    """

    def __init__(self, name: str, models: dict[str, Any], detection_size: int) -> None:
        """Uses insightface models that are loaded already, by task: `detection` and `genderage`."""
        self.name = name
        self.model = Path(models["genderage"].model_file)
        self.detector = Path(models["detection"].model_file)
        self.detection_size = detection_size
        self._models = models
        self._portraits = PortraitCache[FaceReading]()

    @classmethod
    def load(cls, folder: str, device: str = "auto", detection_size: int | None = None) -> "FaceAttributes":
        """Loads the pack in `folder`.

        Args:
            folder: of the pack's `.onnx` files.
            device: `auto` is the first GPU if there is one.
            detection_size: side in pixels of the detector's square input; None: the calibration's, else 640.

        Raises:
            FileNotFoundError: no such folder.
            ValueError: a model is missing or cannot be read, or there is no such GPU.
        """
        path = input_path(folder)
        if not path.is_dir():
            raise FileNotFoundError(f"no insightface pack at {display_path(path)}; {WHERE_FROM}")
        size = detection_size or read_calibration(path).get("detection_size", DETECTION_SIZE)
        models = load_models(path, ("detection", "genderage"), (size, size), resolve_device(device))
        for task, name in (("detection", "face detector"), ("genderage", "model of gender and age")):
            if task not in models:
                raise ValueError(f"{display_path(path)} holds no {name} (task {task}); {WHERE_FROM}")
        return cls(folder, models, size)

    def read(self, image: Image.Image) -> list[FaceReading]:
        """Reads every face in `image`, the largest first.

        Raises:
            PictureError: the image cannot be decoded.
        """
        found = [_reading(face) for face in find_faces(self._models, np.asarray(upright(image)))]
        return sorted(found, key=lambda reading: -_area(reading))

    def portrait(self, image: Image.Image) -> tuple[FaceReading, ...]:
        """Reads the faces of a portrait, which has to show one; the largest first; cached per picture."""
        return self._portraits.found(image, self.read)

    def facts(self) -> dict[str, Any]:
        """The models, for the record of a run: equal facts give equal readings, up to rounding."""
        return {
            "model": self.name,
            "genderage": self.model.name,
            "sha256": sha256(self.model),
            "detector_sha256": sha256(self.detector),
            "detection_size": self.detection_size,
        }


class AttributeVerifier:
    """A verifier that asks another one, and then compares gender and age of the faces which that one accepts.

    Gender is compared first; a face of another gender is not compared by age. Both faces are read by the same model, so
    that its bias in age cancels out.
    """

    def __init__(self, verifier: Verifier, attributes: FaceAttributes, same_gender: bool, age_gap: int | None) -> None:
        """Adds the two checks.

        Args:
            verifier: makes all other checks.
            attributes: reads the painted face and the portrait.
            same_gender: whether the two must be read as the same gender.
            age_gap: by how many years they may differ; None: by any number.
        """
        self.verifier, self.attributes = verifier, attributes
        self.same_gender, self.age_gap = same_gender, age_gap

    def verify(self, requests: Sequence[VerificationRequest]) -> list[Verdict | ServiceError | VerificationError]:
        """One verdict per request, in order; the error in place of a verdict if a service or the filters failed."""
        answers = self.verifier.verify(requests)
        return [self._extended(request, one) for request, one in zip(requests, answers, strict=True)]

    def _extended(
        self, request: VerificationRequest, answer: Verdict | ServiceError | VerificationError
    ) -> Verdict | ServiceError | VerificationError:
        if isinstance(answer, Exception) or not answer.accepted:
            return answer
        try:
            outcome, checks = self._compare(request)
        except Exception as error:  # of onnxruntime, OpenCV, …: must not fail the other requests
            log.exception("gender and age of a face cannot be read")
            return VerificationError(f"reading gender and age failed on it ({type(error).__name__}: {error})")
        return Verdict(outcome=outcome, checks=(*answer.checks, *checks))

    def _compare(self, request: VerificationRequest) -> tuple[Outcome, list[Check]]:
        portrait = self.attributes.portrait(request.portrait)
        if fault := portrait_fault(portrait):
            return fault, []
        painted = self.attributes.read(request.image)
        if len(painted) != 1:
            return ("several_faces" if painted else "no_face"), []
        model, checks = f"{self.attributes.name}/{self.attributes.model.name}", []
        if self.same_gender:
            score = float(painted[0].gender == portrait[0].gender)
            checks.append(Check(name="same_gender", passed=score >= 1, score=score, threshold=1, model=model))
            if score < 1:
                return "another_gender", checks
        if self.age_gap is not None:
            apart = abs(painted[0].age - portrait[0].age)
            passed = apart <= self.age_gap
            checks.append(Check(name="age", passed=passed, score=apart, threshold=self.age_gap, model=model))
            if not passed:
                return "another_age", checks
        return "accepted", checks

    def facts(self) -> dict[str, Any]:
        """Those of the other verifier, the models of gender and age, and what is allowed."""
        allowed = {"same_gender": self.same_gender, "age_gap": self.age_gap}
        return {**self.verifier.facts(), "attributes": {**self.attributes.facts(), **allowed}}


def _reading(face: Any) -> FaceReading:
    left, top, right, bottom = map(float, face.bbox)
    return FaceReading("man" if face.gender == 1 else "woman", int(face.age), (left, top, right, bottom))


def _area(reading: FaceReading) -> float:
    left, top, right, bottom = reading.box
    return (right - left) * (bottom - top)
