"""PhotoMaker's published weights: finds and reads them, and fuses their LoRA into an SDXL model.

Names the folders of that model, too.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from torch import nn

from mirror.models.weights import read_tensors, without_progress_bars
from mirror.paths import display_path, input_path

# The folders of an SDXL pipeline as diffusers saves it.
NETWORKS = ("unet", "vae", "text_encoder", "text_encoder_2")
SMALL_PARTS = ("tokenizer", "tokenizer_2", "scheduler")
ALL_PARTS = ("", *NETWORKS, *SMALL_PARTS)  # those that hold files


def weights_file(name: str, what: str) -> Path:
    """The local file `name`, or that of a Hub repository (`owner/repository/file`), which is downloaded if needed.

    Args:
        name: of the file.
        what: is in it, for messages: `PhotoMaker weights`.

    Raises:
        FileNotFoundError: neither was found.
    """
    path = input_path(name)
    if path.is_file():
        return path
    parts = name.split("/")
    if name.startswith((".", "/", "~")) or len(parts) < 3:
        raise FileNotFoundError(f"no {what} {name}; give a file, or one of the Hub as owner/name/file")
    try:
        with without_progress_bars():
            return Path(hf_hub_download("/".join(parts[:2]), "/".join(parts[2:])))
    except OSError as error:
        raise FileNotFoundError(
            f"{name} was not found locally or on the Hub ({error}); download it and give the file"
        ) from error


def read_adapter(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The weights of the identity encoder and of the LoRA: nested in a `.bin`, by prefix in a `.safetensors`.

    Raises:
        ValueError: one of the two is missing.
    """
    found: Mapping[str, Any] = read_tensors(path)  # a `.bin` nests them
    parts: list[dict[str, torch.Tensor]] = []
    for part in ("id_encoder", "lora_weights"):
        nested = found.get(part)
        flat = {key.removeprefix(f"{part}."): value for key, value in found.items() if key.startswith(f"{part}.")}
        weights = nested if isinstance(nested, dict) and nested else flat
        if not weights:
            raise ValueError(f"{display_path(path)} is no PhotoMaker file: it holds no {part}")
        parts.append(weights)
    return parts[0], parts[1]


def fuse_lora(unet: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Adds the LoRA to the attention weights that it adapts, in place.

    Args:
        unet: SDXL's denoising network.
        weights: pairs `unet.<attention>.processor.to_q_lora.down.weight` [rank, in] and `….up.weight` [out, rank].

    Raises:
        ValueError: a weight has no place in this model, or another shape. (diffusers' own loader skips such weights.)
    """
    downs = {key for key in weights if key.endswith(".down.weight")}
    ups = {key.replace(".down.", ".up.") for key in downs}
    if strange := weights.keys() - downs - ups or ups - weights.keys():
        raise ValueError(f"the LoRA's weights are not pairs of down and up: {sorted(strange)[:3]}")
    for key in sorted(downs):
        path = key.removeprefix("unet.").replace(".processor.", ".").removesuffix("_lora.down.weight")
        path = f"{path}.0" if path.endswith(".to_out") else path
        try:
            weight = unet.get_parameter(f"{path}.weight")
            delta = weights[key.replace(".down.", ".up.")].float() @ weights[key].float()
            weight.data = (weight.float() + delta).to(weight.dtype)
        except (AttributeError, RuntimeError) as error:
            raise ValueError(
                f"the LoRA's {key} does not fit this model ({error}); take PhotoMaker weights for SDXL"
            ) from None
