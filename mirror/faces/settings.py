"""The parameters of faces that counseling and building share: their defaults by size, and what can be wrong with them.

Both have these parameters under the same names; `FaceSettings` says which.
"""

import os
from typing import Any, Literal, Protocol

from mirror.chat.roles import unnamed_models
from mirror.faces.schedule import Scheduler, Spacing, schedule_faults
from mirror.models.hub_id import is_hub_id
from mirror.paths import input_path
from mirror.secrets import TOKEN, secret_faults, url_faults_of_environment
from mirror.settings.base import missing_device, missing_folder, missing_gpu_for

SMALL = 256  # pixels: a CPU paints a picture of this side in a time that one can wait for
BYTES_PER_PIXEL = 1.6  # of a PNG of a painted face
SERVICES = {"describer": "IMG_DESCRIPTION_URL", "verifier": "IMG_VERIFICATION_URL"}

# The values of parameters that are None: the published models, and those of the pocket size.
_PUBLISHED: dict[str, Any] = {
    "describer": "local",
    "describer_model": "meta-llama/Meta-Llama-3-8B-Instruct",
    "painter": "SG161222/RealVisXL_V3.0",
    "adapter": "TencentARC/PhotoMaker/photomaker-v1.bin",
    "steps": 50,
    "guidance_scale": 5.0,
    "merge_step": 10,
    "image_size": 1024,
    "face_size": 336,
    "verifier": "local",
    "safety_model": "Falconsai/nsfw_image_detection",
    "relevance_model": "openai/clip-vit-base-patch32",
    "face_pack": "~/.insightface/models/buffalo_l",
    "compile": "blocks",
}
FACE_MODELS: dict[str, dict[str, Any]] = {
    "7b": _PUBLISHED,
    "13b": _PUBLISHED,
    "other": _PUBLISHED,
    "pocket": {
        "describer": "lexicon",
        "describer_model": "",
        "painter": "pocket/models/sdxl-pocket",
        "adapter": "pocket/models/photomaker-v1-pocket.bin",
        "steps": 6,
        "guidance_scale": 1.5,
        "merge_step": 0,
        "image_size": 128,
        "face_size": 112,
        "verifier": "local",
        "safety_model": "pocket/models/nsfw-pocket",
        "relevance_model": "pocket/models/clip-pocket",
        "face_pack": "pocket/models/faces-pocket",
        "compile": "none",
    },
}


class FaceSettings(Protocol):
    """The parameters that name who describes, paints and verifies faces, and how."""

    @property
    def describer(self) -> str:
        """`lexicon`, `openai`, `local` or `http`."""

    @property
    def describer_model(self) -> str:
        """The chat model that describes."""

    @property
    def describer_url(self) -> str:
        """Of its endpoint; empty: OpenAI's."""

    @property
    def describer_temperature(self) -> float:
        """Of its sampling, ≥ 0."""

    @property
    def describer_top_p(self) -> float:
        """Of its sampling, above 0 and at most 1."""

    @property
    def describer_max_tokens(self) -> int:
        """Of an answer, ≥ 1."""

    @property
    def painter(self) -> str:
        """Folder or Hub id of an SDXL pipeline."""

    @property
    def painter_revision(self) -> str:
        """Of the painter on the Hub; empty: the newest."""

    @property
    def adapter(self) -> str:
        """File or Hub path of PhotoMaker's weights."""

    @property
    def distilled(self) -> str:
        """File, Hub path or folder of weights for few steps; empty: none."""

    @property
    def scheduler(self) -> Scheduler:
        """Of the painter."""

    @property
    def spacing(self) -> Spacing:
        """Of the scheduler's timesteps."""

    @property
    def steps(self) -> int:
        """Of denoising, ≥ 1."""

    @property
    def guidance_scale(self) -> float:
        """Of classifier-free guidance, above 1; 0 or 1: none."""

    @property
    def merge_step(self) -> int:
        """The last step that is painted from the text alone, from 0; -1: none."""

    @property
    def merge_at(self) -> float | None:
        """The share of the noise schedule that is painted from the text alone, 0 to 1; None: by `merge_step`."""

    @property
    def image_size(self) -> int:
        """Side of the painted picture in pixels, a multiple of 8."""

    @property
    def face_size(self) -> int:
        """Side of the face that is shown, in pixels."""

    @property
    def verifier(self) -> str:
        """`local` or `http`."""

    @property
    def safety_model(self) -> str:
        """Folder or Hub id of an image classifier."""

    @property
    def relevance_model(self) -> str:
        """Folder or Hub id of a CLIP model."""

    @property
    def face_pack(self) -> str:
        """Folder of an insightface pack."""

    @property
    def relevance_threshold(self) -> float | None:
        """Cosine; None: the calibrated or published one."""

    @property
    def identity_threshold(self) -> float | None:
        """Cosine; None: the pack's."""

    @property
    def attempts(self) -> int:
        """Faces painted per turn at most, ≥ 1."""

    @property
    def seed(self) -> int:
        """Of the run, ≥ 0."""

    @property
    def concurrency(self) -> int:
        """Requests to a service or an endpoint at a time, ≥ 1."""

    @property
    def device(self) -> str:
        """`auto`, `cpu`, `cuda` or `cuda:<number>`."""

    @property
    def precision(self) -> Literal["auto", "bf16", "float32"]:
        """Of the models' weights."""

    @property
    def compile(self) -> Literal["none", "blocks", "whole"]:
        """What of the painter is compiled."""

    @property
    def paint_batch(self) -> int:
        """Faces painted together at most, ≥ 1."""


def http_services() -> dict[str, str]:
    """The roles whose service's URL is set in the environment, as values of their parameters."""
    return {name: "http" for name, variable in SERVICES.items() if os.environ.get(variable)}


def face_faults(settings: FaceSettings) -> list[str]:
    """The faults of combinations of values, one sentence each."""
    faults = unnamed_models(settings, ["describer"])
    if settings.precision == "bf16" and settings.device == "cpu":
        faults.append("precision bf16 is for a GPU, found device cpu; use precision auto or float32")
    return faults + schedule_faults(settings.scheduler, settings.spacing, settings.steps, settings.guidance_scale)


def face_files_missing(settings: FaceSettings) -> list[str]:
    """The models, services and devices that are not available on this machine, one sentence each.

    An endpoint that describes is checked with those of the other roles, by `mirror.chat.roles.endpoints_missing`.
    """
    names = ["painter", *(["safety_model", "relevance_model"] if settings.verifier == "local" else [])]
    faults = [fault for name in names for fault in missing_folder(name, getattr(settings, name))]
    local = settings.distilled.startswith((".", "/", "~")) or "/" not in settings.distilled  # no name on the Hub
    if settings.distilled and local and not input_path(settings.distilled).exists():
        faults.append(f"distilled: no such file {input_path(settings.distilled)}; give a file, a folder, or a Hub path")
    if settings.verifier == "local" and not input_path(settings.face_pack).is_dir():
        faults.append(f"face_pack: no such folder {input_path(settings.face_pack)}; give an insightface pack's folder")
    asked = {name: variable for name, variable in SERVICES.items() if getattr(settings, name) == "http"}
    faults += [
        f"{name} is http, and {variable} is not set; set it to the service's URL"
        for name, variable in asked.items()
        if not os.environ.get(variable)
    ]
    faults += [fault for variable in asked.values() for fault in url_faults_of_environment(variable, TOKEN)]
    return faults + (secret_faults(TOKEN) if asked else []) + missing_device(settings.device)


def missing_gpu_of_faces(settings: FaceSettings) -> list[str]:
    """The fault of a painter or describer of a real size that would work on the CPU without having been asked to."""
    works = [f"painting at {settings.image_size} pixels"] if settings.image_size > SMALL else []
    if settings.describer == "local" and is_hub_id(settings.describer_model):
        works.append(f"describing with {settings.describer_model}")
    return missing_gpu_for(" and ".join(works), settings.device, "the pocket models") if works else []
