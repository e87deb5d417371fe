"""Puts a distillation over SDXL, so that it paints in a few steps: a LoRA or a whole denoising network, as published.

A distillation that is half applied paints something, and nobody sees why not better: what does not fit is an error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from torch import nn

from mirror.faces.photomaker.lora import fuse, lora_metadata, read_lora, some
from mirror.faces.photomaker.weights import weights_file
from mirror.files.digests import sha256
from mirror.models.hub_id import is_hub_id
from mirror.models.weight_files import chosen_files
from mirror.models.weights import HALF, find, load_pretrained, read_tensors
from mirror.paths import display_path, input_path


def distil(pipeline: StableDiffusionXLPipeline, name: str, dtype: torch.dtype) -> dict[str, Any]:
    """Puts the distillation `name` over the pipeline's denoising network.

    Args:
        pipeline: SDXL as loaded, on the CPU.
        name: a file of a LoRA or of a whole network's weights, or one of a Hub repository (`owner/name/file`); or a
            folder or Hub id (`owner/name`) of a network as diffusers saves it. Empty: no distillation.
        dtype: of the weights.

    Returns:
        The facts of it, for the record of a run.

    Raises:
        FileNotFoundError: it was not found.
        ValueError: a file is broken, holds values that are not finite, or does not fit the model.
    """
    if not name:
        return {"distilled": ""}
    if input_path(name).is_dir() or (is_hub_id(name) and not input_path(name).exists()):
        folder, _ = find(name, half=dtype in HALF)
        pipeline.unet = load_network(folder, dtype)
        digests = [sha256(folder / file) for file in chosen_files(folder, dtype in HALF).files]
        return {"distilled": name, "distilled_kind": "network", "distilled_sha256": " ".join(digests)}
    path = weights_file(name, "distilled weights")
    tensors = read_tensors(path)
    require_finite(tensors, path)
    kind = "LoRA" if any("lora" in key for key in tensors) else "network"
    if kind == "LoRA":
        fuse(pipeline.unet, read_lora(tensors, lora_metadata(path), pipeline.unet, path), path)
    else:
        replace_weights(pipeline.unet, tensors, path)
    return {"distilled": name, "distilled_kind": kind, "distilled_sha256": sha256(path)}


def require_finite(tensors: Mapping[str, Any], path: Path) -> None:
    """Checks the numbers of a file.

    Raises:
        ValueError: they are not tensors, or hold NaN or infinity.
    """
    if strange := [key for key, value in tensors.items() if not isinstance(value, torch.Tensor)]:
        raise ValueError(f"{display_path(path)} must hold tensors by name, found {some(strange)}")
    if broken := [key for key, value in tensors.items() if value.is_floating_point() and not value.isfinite().all()]:
        raise ValueError(
            f"{display_path(path)}: {len(broken)} of {len(tensors)} tensors hold NaN or infinity, {some(broken)}; "
            "download it again"
        )


def load_network(folder: Path, dtype: torch.dtype) -> UNet2DConditionModel:
    """The denoising network of a folder, with the folder's own configuration.

    Raises:
        FileNotFoundError: there are no weights.
        ValueError: a file is broken, or holds values that are not finite.
    """
    unet: UNet2DConditionModel = load_pretrained(UNet2DConditionModel, folder, dtype)
    require_finite(unet.state_dict(), folder)
    return unet


def replace_weights(unet: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Replaces all weights of `unet` by those of a file.

    Raises:
        ValueError: the file holds others, or of other shapes.
    """
    own = unet.state_dict()
    faults = [
        f"{len(keys)} {what}, {some(keys)}"
        for keys, what in (
            (own.keys() - tensors.keys(), f"of {len(own)} weights are missing"),
            (tensors.keys() - own.keys(), f"of {len(tensors)} weights have no place"),
            ([k for k in own if k in tensors and own[k].shape != tensors[k].shape], "weights have another shape"),
        )
        if keys
    ]
    if faults:
        raise ValueError(
            f"{display_path(path)} is neither a LoRA nor the weights of this model's denoising network: "
            f"{'; '.join(faults)}; take the file of the UNet for diffusers, made for SDXL"
        )
    unet.load_state_dict(tensors)
