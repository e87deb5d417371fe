"""PhotoMaker's published weights: finding, reading, and fusing their LoRA into an SDXL model. Runs no model."""

from collections.abc import Mapping
from pathlib import Path

import torch
from huggingface_hub import hf_hub_download
from torch import nn

from mirror.models.weights import read_tensors
from mirror.paths import display_path, input_path


def adapter_file(name: str) -> Path:
    """The file called `name` here, or the one of the Hub (`owner/repository/file`), fetched if need be."""
    path = input_path(name)
    if path.is_file():
        return path
    parts = name.split("/")
    if name.startswith((".", "/", "~")) or len(parts) < 3:
        raise FileNotFoundError(f"no PhotoMaker weights {name}; give a file, or one of the Hub as owner/name/file")
    try:
        return Path(hf_hub_download("/".join(parts[:2]), "/".join(parts[2:])))
    except OSError as error:
        raise FileNotFoundError(
            f"{name} is neither a file here nor to be had from the Hub ({error}); download it and give the file"
        ) from error


def read_adapter(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """The identity encoder's weights and the LoRA's: nested in a `.bin`, by prefix in a `.safetensors`."""
    found = read_tensors(path)
    parts = []
    for part in ("id_encoder", "lora_weights"):
        nested = found.get(part, {})
        flat = {key.removeprefix(f"{part}."): value for key, value in found.items() if key.startswith(f"{part}.")}
        if not (nested or flat):
            raise ValueError(f"{display_path(path)} is no PhotoMaker file: it holds no {part}")
        parts.append(nested or flat)
    return parts[0], parts[1]


def fuse_lora(unet: nn.Module, weights: Mapping[str, torch.Tensor]) -> None:
    """Adds the LoRA (`unet.<attention>.processor.to_q_lora.down.weight`, …) to the weights it is for.

    Raises:
        ValueError: a weight that has no place in this model, or another shape. (diffusers' own loader passes over it.)
    """
    downs = {key for key in weights if key.endswith(".down.weight")}
    ups = {key.replace(".down.", ".up.") for key in downs}
    if strange := weights.keys() - downs - ups or ups - weights.keys():
        raise ValueError(f"the LoRA's weights are not pairs of down and up: {sorted(strange)[:3]}")
    for key in sorted(downs):
        path = key.removeprefix("unet.").replace(".processor.", ".").removesuffix("_lora.down.weight")
        path = f"{path}.0" if path.endswith(".to_out") else path
        try:
            layer = unet.get_submodule(path)
            delta = weights[key.replace(".down.", ".up.")].float() @ weights[key].float()
            layer.weight.data = (layer.weight.float() + delta).to(layer.weight.dtype)
        except (AttributeError, RuntimeError) as error:
            raise ValueError(
                f"the LoRA's {key} does not fit this model ({error}); take PhotoMaker weights for SDXL"
            ) from None
