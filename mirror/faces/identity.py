"""Detects and embeds faces with an insightface model pack in a local folder.

The pack is checked before insightface reads it, and nothing is ever downloaded.
"""

import hashlib
import logging
import threading
import warnings
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import onnxruntime
import torch
from insightface.app.common import Face as FoundFace
from insightface.model_zoo import get_model
from insightface.model_zoo.package_manifest import has_model_package_manifest, load_model_package
from PIL import Image

from mirror.files.digests import sha256
from mirror.files.image_file import upright
from mirror.files.json_file import read_json
from mirror.models.weight_files import check_file
from mirror.paths import display_path, input_path

logger = logging.getLogger(__name__)

# Suppresses a deprecation warning of scikit-image that insightface causes at every face; the pinned versions work.
warnings.filterwarnings("ignore", message="`estimate` is deprecated", category=FutureWarning, module="insightface")

CALIBRATION = "calibration.json"  # in the pack's folder: the threshold that belongs to its recognition model
DETECTION_SIZE = 640  # side in pixels of the square input of the published detectors
MOST_DETECTED = 4096  # pixels; the memory of a detector grows with the square
Found = TypeVar("Found")
MOST_PORTRAITS = 4096  # embeddings that are cached: a service gets new portraits without end
WHERE_FROM = (
    "get a pack such as buffalo_l or antelopev2 from insightface's model zoo (github.com/deepinsight/insightface, "
    "non-commercial research only), unpack it and give the folder that holds its .onnx files"
)


@dataclass(frozen=True)
class Face:
    """A face detected in an image.

    Attributes:
        box: left, top, right, bottom in pixels.
        score: the detector's confidence, 0…1.
        embedding: [512] float32, the output of the recognition model, not normalised.
    """

    box: tuple[float, float, float, float]
    score: float
    embedding: np.ndarray[Any, Any]

    @property
    def area(self) -> float:
        """Of the box, in square pixels."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)


def similarity(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> float:
    """Cosine similarity of two face embeddings [512], -1…1."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


class PortraitCache(Generic[Found]):
    """What is found in portraits, read once per picture."""

    def __init__(self) -> None:
        """Starts empty."""
        self._found: dict[bytes, tuple[Found, ...]] = {}
        self._lock = threading.Lock()

    def found(self, image: Image.Image, read: Callable[[Image.Image], Sequence[Found]]) -> tuple[Found, ...]:
        """What `read`, the same in every call, finds in a picture."""
        image = upright(image)
        key = hashlib.sha256(image.tobytes() + repr(image.size).encode()).digest()
        with self._lock:  # a painter asks while another thread verifies
            if key in self._found:
                return self._found[key]
            if len(self._found) >= MOST_PORTRAITS:
                self._found.clear()
            return self._found.setdefault(key, tuple(read(image)))


class FacePack:
    """Detector and recognition model of a pack. Create one with `load`.

    Attributes:
        folder: of the pack.
        detection_size: side in pixels of the detector's square input.
        recognition: file of the recognition model.
        providers: the execution providers that onnxruntime uses.
    """

    def __init__(self, folder: Path, models: dict[str, Any], detection_size: int) -> None:
        """Uses insightface models that are loaded already, by task: `detection` and `recognition`."""
        self.folder = folder
        self.detection_size = detection_size
        self.recognition = Path(models["recognition"].model_file)
        self.providers = models["recognition"].session.get_providers()
        self._models = models
        self._portraits = PortraitCache[Face]()

    @classmethod
    def load(cls, folder: str, device: str = "cpu", detection_size: int | None = None) -> "FacePack":
        """Loads the pack in `folder`.

        Args:
            folder: of the pack's `.onnx` files.
            device: `cpu` or `cuda:<number>`.
            detection_size: side in pixels of the detector's square input; None: the calibration's, else 640.

        Raises:
            FileNotFoundError: no such folder, or no model in it; says where packs come from and their licence.
            ValueError: a model is missing or cannot be read.
        """
        path = input_path(folder)
        if not path.is_dir():
            raise FileNotFoundError(f"no insightface pack at {display_path(path)}; {WHERE_FROM}")
        if not any(path.glob("*.onnx")):
            inner = next(path.glob("*/*.onnx"), None)
            hint = f"did you mean {display_path(inner.parent)}? Else " if inner else ""
            raise FileNotFoundError(f"{display_path(path)} holds no .onnx file; {hint}{WHERE_FROM}")
        size = detection_size or read_calibration(path).get("detection_size", DETECTION_SIZE)
        models = load_models(path, ("detection", "recognition"), (size, size), device)
        for task, name in (("detection", "face detector"), ("recognition", "recognition model")):
            if task not in models:
                raise ValueError(f"{display_path(path)} holds no {name}; {WHERE_FROM}")
        return cls(path, models, size)

    @cached_property
    def width(self) -> int:
        """How many numbers an embedding has."""
        model = self._models["recognition"]
        left, top = model.input_size
        return int(np.asarray(model.get_feat(np.zeros((top, left, 3), np.uint8))).shape[-1])

    def faces(self, image: Image.Image) -> list[Face]:
        """All faces in `image`, the largest first."""
        found = [
            Face(_box(face.bbox), float(face.det_score), np.asarray(face.embedding, np.float32))
            for face in find_faces(self._models, np.asarray(upright(image)))
        ]
        return sorted(found, key=lambda face: -face.area)

    def portrait(self, image: Image.Image) -> tuple[Face, ...]:
        """The faces in a portrait, which has to show one; the largest first; cached per picture."""
        return self._portraits.found(image, self.faces)

    def embed(self, portrait: Image.Image) -> torch.Tensor:
        """[512] float32: the embedding of a portrait's face, as PhotoMaker v2 takes it.

        Raises:
            ValueError: it does not show one face.
        """
        faces = self.portrait(portrait)
        if len(faces) != 1:
            found = f"{len(faces)} faces" if faces else "no face"
            raise ValueError(f"{found} found in a portrait of {portrait.width}×{portrait.height}; give another one")
        return torch.from_numpy(faces[0].embedding)

    def calibrated_threshold(self) -> float | None:
        """The pack's own identity threshold, a cosine; None if it was never calibrated.

        Raises:
            ValueError: the calibration cannot be read, or is of another recognition model.
        """
        calibration = read_calibration(self.folder)
        if not calibration:
            return None
        if calibration.get("sha256") != sha256(self.recognition):
            raise ValueError(
                f"{display_path(self.folder / CALIBRATION)} was made for another recognition model than "
                f"{self.recognition.name}; calibrate again (python -m mirror.faces.calibration)"
            )
        return float(calibration["threshold"])


def load_models(folder: Path, tasks: Collection[str], det_size: tuple[int, int], device: str = "cpu") -> dict[str, Any]:
    """Loads the insightface models in `folder`.

    Of several models for a task the first by name is used, as by insightface's FaceAnalysis. FaceAnalysis itself is not
    used, because it finds files by a glob pattern, in which the brackets of a folder's name have a meaning.

    Args:
        folder: of the pack's `.onnx` files.
        tasks: detection, recognition, genderage, …; models of other tasks are left out.
        det_size: width and height in pixels of the detector's input.
        device: `cpu` or `cuda:<number>`.

    Returns:
        The models by task.

    Raises:
        ValueError: a model cannot be read; says which and where packs come from.
    """
    options = {"providers": providers(device), "sess_options": session_options()}
    onnxruntime.set_default_logger_severity(3)
    models: dict[str, Any] = {}
    for file in sorted(folder.glob("*.onnx")):
        check_file(file)
    for source, task in _sources(folder, tasks):
        try:
            model = get_model(str(source), model_task=task, **options)
        except Exception as error:  # onnxruntime's own are many; the file is at fault in every case
            raise ValueError(f"{display_path(source)}: a model cannot be read ({error}); {WHERE_FROM}") from error
        if model is not None and model.taskname in tasks:
            models.setdefault(model.taskname, model)
    for task, model in models.items():
        sizes = {"input_size": det_size, "det_thresh": 0.5} if task == "detection" else {}
        model.prepare(0 if device.startswith("cuda") else -1, **sizes)
    return models


def _sources(folder: Path, tasks: Collection[str]) -> list[tuple[Path, str | None]]:
    """(source, task): each file, its task left to insightface; or the folder once per task, if it has a manifest."""
    if has_model_package_manifest(folder):
        return [(folder, task) for task in load_model_package(folder).tasks if task in tasks]
    return [(file, None) for file in sorted(folder.glob("*.onnx"))]


def find_faces(models: dict[str, Any], image: np.ndarray[Any, Any]) -> list[FoundFace]:
    """The faces in an RGB picture [h, w, 3], with the output of each of the `models` (by task)."""
    bgr = np.ascontiguousarray(image[:, :, ::-1])
    boxes, landmarks = models["detection"].detect(bgr, max_num=0, metric="default")
    points = [None] * len(boxes) if landmarks is None else landmarks
    found = [FoundFace(bbox=box[:4], kps=kps, det_score=box[4]) for box, kps in zip(boxes, points, strict=True)]
    for face in found:
        for model in (model for task, model in models.items() if task != "detection"):
            model.get(bgr, face)
    return found


def _box(corners: np.ndarray[Any, Any]) -> tuple[float, float, float, float]:
    left, top, right, bottom = map(float, corners)
    return left, top, right, bottom


def read_calibration(folder: Path) -> dict[str, Any]:
    """The `calibration.json` in a model's folder; empty if there is none.

    Raises:
        ValueError: it cannot be read, its threshold is no cosine, or its size of the detector's input is none.
    """
    path = folder / CALIBRATION
    if not path.is_file():
        return {}
    try:
        calibration = read_json(path)
    except ValueError as error:
        raise ValueError(f"{error}; calibrate again, or remove it") from None
    threshold = calibration.get("threshold")
    if not isinstance(threshold, int | float) or isinstance(threshold, bool) or not -1 <= threshold <= 1:
        raise ValueError(
            f"{display_path(path)}: threshold must be a cosine in -1…1, found {threshold!r:.40}; calibrate again, or "
            "remove the file"
        )
    size = calibration.get("detection_size", DETECTION_SIZE)
    if type(size) is not int or size % 32 or not 32 <= size <= MOST_DETECTED:
        raise ValueError(
            f"{display_path(path)}: detection_size must be a multiple of 32 pixels up to {MOST_DETECTED}, found "
            f"{size!r:.40}; calibrate again, or remove the file"
        )
    return calibration


def providers(device: str) -> list[str | tuple[str, dict[str, int]]]:
    """Execution providers of onnxruntime for a device; a GPU needs the package onnxruntime-gpu."""
    if not device.startswith("cuda"):
        return ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        logger.warning("faces are embedded on the CPU: this onnxruntime has no GPU support; install onnxruntime-gpu")
        return ["CPUExecutionProvider"]
    return [("CUDAExecutionProvider", {"device_id": int(device.partition(":")[2] or 0)}), "CPUExecutionProvider"]


def session_options() -> onnxruntime.SessionOptions:
    """Threads that sleep while they wait, as many as PyTorch's: so OMP_NUM_THREADS and this process's cores count."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.intra_op_num_threads = torch.get_num_threads()
    return options
