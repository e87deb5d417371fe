"""An SDXL pipeline from a folder or the Hub, each part from the weights that suit the precision.

Knows no PhotoMaker.
"""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from mirror.files.json_file import read_json
from mirror.models.weights import HALF, NO_CODE, code_refused, find, load_pretrained

PARTS = {
    "unet": UNet2DConditionModel,
    "vae": AutoencoderKL,
    "text_encoder": CLIPTextModel,
    "text_encoder_2": CLIPTextModelWithProjection,
}
SMALL_PARTS = ("tokenizer", "tokenizer_2", "scheduler")


def load_pipeline(name: str, revision: str, dtype: torch.dtype) -> tuple[StableDiffusionXLPipeline, str]:
    """The pipeline of a folder or a Hub id, on the CPU, and its commit on the Hub (empty for a folder).

    In half precision a part's fp16 files go before its plain ones, in float32 after them; each part decides by itself.

    Raises:
        FileNotFoundError: it cannot be had, or a part or its weights are missing; says what is there.
        ValueError: a file is broken, or it is the pipeline of another model.
    """
    folder, commit = find(name, revision, dtype in HALF, ("", *PARTS, *SMALL_PARTS))
    check_pipeline(folder)
    parts = {part: load_pretrained(kind, folder / part, dtype) for part, kind in PARTS.items()}
    with code_refused(folder):
        pipeline = StableDiffusionXLPipeline.from_pretrained(
            folder, dtype=dtype, add_watermarker=False, **NO_CODE, **parts
        )
    return pipeline, commit


def check_pipeline(folder: Path) -> None:
    """Raises FileNotFoundError or ValueError where `folder` is not an SDXL pipeline's as diffusers saves it."""
    there = ", ".join(sorted(path.name for path in folder.iterdir())[:12]) or "nothing"
    index = folder / "model_index.json"
    if not index.is_file():
        raise FileNotFoundError(
            f"{folder} is no folder of an SDXL pipeline: it has no model_index.json, found {there}; a single file of "
            "weights becomes one by StableDiffusionXLPipeline.from_single_file(FILE).save_pretrained(FOLDER)"
        )
    try:
        name = read_json(index).get("_class_name")
    except ValueError as error:
        raise ValueError(f"{error}; download it again") from None
    if name != "StableDiffusionXLPipeline":
        raise ValueError(f"{index}: _class_name must be StableDiffusionXLPipeline, found {name!r}; give an SDXL model")
    if missing := [part for part in (*PARTS, *SMALL_PARTS) if not (folder / part).is_dir()]:
        raise FileNotFoundError(f"{folder}: an SDXL pipeline needs {', '.join(missing)}, found {there}")
