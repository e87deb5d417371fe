"""Loads an SDXL pipeline from a folder or the Hub, each part from the weights that suit the precision."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.utils import logging
from torch import nn
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from mirror.faces.photomaker.weights import ALL_PARTS, NETWORKS, SMALL_PARTS
from mirror.files.json_file import read_json
from mirror.models.weights import HALF, NO_CODE, code_refused, find, load_pretrained, without_progress_bars

KINDS = (UNet2DConditionModel, AutoencoderKL, CLIPTextModel, CLIPTextModelWithProjection)  # of the networks


def load_pipeline(name: str, revision: str, dtype: torch.dtype) -> tuple[StableDiffusionXLPipeline, str]:
    """Loads the pipeline of a folder or Hub id onto the CPU.

    In half precision the fp16 files of a part are preferred, in float32 the plain ones; each part decides by itself.

    Returns:
        The pipeline, and its commit on the Hub (empty for a folder).

    Raises:
        FileNotFoundError: the pipeline, a part or its weights were not found; says what is there.
        ValueError: a file is broken, or it is the pipeline of another model.
    """
    folder, commit = find(name, revision, dtype in HALF, ALL_PARTS)
    check_pipeline(folder)
    with without_progress_bars(logging):
        parts = {part: load_pretrained(kind, folder / part, dtype) for part, kind in zip(NETWORKS, KINDS, strict=True)}
        with code_refused(folder):
            pipeline = StableDiffusionXLPipeline.from_pretrained(
                folder, dtype=dtype, add_watermarker=False, **NO_CODE, **parts
            )
    return pipeline, commit


def networks(pipeline: StableDiffusionXLPipeline) -> list[nn.Module]:
    """The parts that have weights."""
    return [getattr(pipeline, part) for part in NETWORKS]


def check_pipeline(folder: Path) -> None:
    """Checks that `folder` holds an SDXL pipeline as diffusers saves it.

    Raises:
        FileNotFoundError: `model_index.json` or a part is missing.
        ValueError: `model_index.json` is broken or of another pipeline.
    """
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
    if missing := [part for part in (*NETWORKS, *SMALL_PARTS) if not (folder / part).is_dir()]:
        raise FileNotFoundError(f"{folder}: an SDXL pipeline needs {', '.join(missing)}, found {there}")
