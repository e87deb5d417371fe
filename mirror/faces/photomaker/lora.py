"""A LoRA for SDXL's denoising network in the published formats: reads it, and fuses it into the weights.

Names are those of diffusers or of kohya, converted by diffusers. Its loader skips what it does not find; here that is
an error. Fused into the weights, a LoRA costs nothing afterwards.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.loaders.lora_base import LORA_ADAPTER_METADATA_KEY
from diffusers.utils.state_dict_utils import convert_unet_state_dict_to_peft
from safetensors import safe_open
from torch import nn

from mirror.files.json_file import strict_json
from mirror.paths import display_path

DOWN, UP = ".lora_A.weight", ".lora_B.weight"
DIFFUSERS_ENDS = (DOWN, UP, "down.weight", "up.weight")
KOHYA_PAIR = ("lora_down.weight", "lora_up.weight")
KOHYA = ("lora_unet_", "lora_te_", "lora_te1_", "lora_te2_")


@dataclass(frozen=True)
class LoraLayer:
    """What a LoRA adds to one layer: `scale` · up · down.

    Attributes:
        down: [rank, in, …], as the layer's weight from the second dimension on.
        up: [out, rank].
        scale: alpha / rank.
    """

    down: torch.Tensor
    up: torch.Tensor
    scale: float


def lora_metadata(path: Path) -> dict[str, Any]:
    """The LoRA's configuration that diffusers writes into the header of a file; empty if there is none.

    Raises:
        ValueError: it is broken.
    """
    if path.suffix != ".safetensors":
        return {}
    with safe_open(path, "pt") as file:
        text = (file.metadata() or {}).get(LORA_ADAPTER_METADATA_KEY, "{}")
    try:
        return {name.removeprefix("unet."): value for name, value in strict_json(text.encode()).items()}
    except (ValueError, AttributeError):
        raise ValueError(
            f"{display_path(path)}: {LORA_ADAPTER_METADATA_KEY} in its header is no JSON object, found {text[:60]!r}; "
            "save the LoRA again"
        ) from None


def read_lora(
    tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, Any], unet: UNet2DConditionModel, path: Path
) -> dict[str, LoraLayer]:
    """The layers of a LoRA by the name of the module that they adapt.

    Args:
        tensors: by the names of diffusers (`unet.….lora_A.weight`, `….lora.down.weight`,
            `….processor.to_q_lora.down.weight`) or of kohya (`lora_unet_….lora_down.weight` and `.alpha`).
        metadata: as from `lora_metadata`.
        unet: whose blocks the kohya names count.
        path: of the file, for messages.

    Raises:
        ValueError: there are other weights in it.
    """
    kohya = all(key.startswith(KOHYA) for key in tensors)
    known = (*KOHYA_PAIR, "alpha") if kohya else DIFFUSERS_ENDS
    flat = [
        key for key, value in tensors.items() if not key.endswith("alpha") and (value.dim() < 2 or not value.numel())
    ]
    _refuse([key for key in tensors if not key.endswith(known)] + flat, tensors, path)
    if kohya:
        stems = {key.split(".", 1)[0] for key in tensors}
        _refuse([stem for stem in stems if not all(f"{stem}.{end}" in tensors for end in KOHYA_PAIR)], tensors, path)
    try:
        weights, alphas = StableDiffusionXLPipeline.lora_state_dict(dict(tensors), unet_config=unet.config)
    except (ValueError, KeyError, IndexError, RuntimeError) as error:
        raise ValueError(f"{display_path(path)} is no LoRA for SDXL ({error}); take another file") from None
    weights = {key.removeprefix("unet."): value for key, value in convert_unet_state_dict_to_peft(weights).items()}
    alphas = {key.removeprefix("unet."): value for key, value in convert_unet_state_dict_to_peft(alphas or {}).items()}
    downs = {key.removesuffix(DOWN): value for key, value in weights.items() if key.endswith(DOWN)}
    ups = {key.removesuffix(UP): value for key, value in weights.items() if key.endswith(UP)}
    _refuse((downs.keys() ^ ups.keys()) | {key for key in weights if not key.endswith((DOWN, UP))}, tensors, path)
    if 2 * len(downs) != sum(not key.endswith(".alpha") for key in tensors):
        raise ValueError(f"{display_path(path)}: its LoRA mixes several kinds of names; save it by diffusers")
    given = {key.removesuffix(".alpha").removesuffix(DOWN): value for key, value in alphas.items()}
    return {
        module: LoraLayer(down, ups[module], lora_scale(module, down.shape[0], given.get(module), metadata))
        for module, down in downs.items()
    }


def lora_scale(module: str, rank: int, alpha: float | None, metadata: Mapping[str, Any]) -> float:
    """By what up · down is multiplied: alpha / rank, or alpha / √rank for a rank-stabilised LoRA (arXiv 2312.03732).

    Args:
        module: that the LoRA adapts.
        rank: of this layer.
        alpha: that the file gives for this layer; None: the metadata's.
        metadata: peft's configuration; where it has no alpha, alpha is the rank, as in diffusers.
    """
    if alpha is None:
        patterns: Mapping[str, float] = metadata.get("alpha_pattern") or {}
        own = (value for name, value in patterns.items() if re.fullmatch(rf"(.*\.)?({name})", module))
        alpha = next(own, metadata.get("lora_alpha", rank))
    return float(alpha) / (rank**0.5 if metadata.get("use_rslora") else rank)


def fuse(unet: nn.Module, layers: Mapping[str, LoraLayer], path: Path) -> None:
    """Adds the LoRA to the weights that it adapts, in place, in float32 and rounded once.

    Raises:
        ValueError: a layer has no place in the model, or another shape.
    """
    own = dict(unet.named_parameters())
    places = {module: own.get(f"{module}.weight") for module in layers}
    strange = [module for module, weight in places.items() if weight is None or not _fits(layers[module], weight)]
    _refuse(strange, layers, path)
    for module, layer in layers.items():
        weight = own[f"{module}.weight"]
        delta = layer.scale * (layer.up.float().flatten(1) @ layer.down.float().flatten(1))
        weight.data = (weight.float() + delta.reshape(weight.shape)).to(weight.dtype)


def _fits(layer: LoraLayer, weight: torch.Tensor) -> bool:
    down, up, shape = layer.down, layer.up, weight.shape
    ranks = min(down.dim(), up.dim(), weight.dim()) >= 2 and down.shape[0] == up.shape[1]
    # One pixel wide, a convolution and a linear layer are the same.
    inside = [size for size in down.shape[2:] if size != 1] == [size for size in shape[2:] if size != 1]
    return ranks and inside and up[0, 0].numel() == 1 and (up.shape[0], down.shape[1]) == (shape[0], shape[1])


def _refuse(strange: Collection[str], all_of_them: Collection[str], path: Path) -> None:
    if strange:
        raise ValueError(
            f"{display_path(path)}: {len(set(strange))} of {len(all_of_them)} parts of this LoRA have no place in the "
            f"denoising network, {some(strange)}; take a LoRA (not LoHa, LoKr or DoRA) of the UNet, made for SDXL"
        )


def some(names: Collection[str]) -> str:
    """The first of the names, for messages."""
    return "e.g. " + ", ".join(sorted(set(names))[:3])
