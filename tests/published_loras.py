"""Random LoRAs of SDXL's denoising network, named as people publish them."""

import torch
from torch import nn

OUTSIDE = ("conv_in", "conv_out", "time_embedding", "add_embedding")  # not adapted by the published distillations


def random_pairs(unet, rank, std=0.05):
    """module → (down, up) of every linear layer and convolution of the blocks; the same at every call."""
    generator = torch.Generator().manual_seed(rank)
    pairs = {}
    for name, module in unet.named_modules():
        if not isinstance(module, nn.Linear | nn.Conv2d) or name.startswith(OUTSIDE):
            continue
        out, *inside = module.weight.shape
        shapes = (rank, *inside), (out, rank, *([1] * (len(inside) - 1)))
        if module.weight.is_meta:
            pairs[name] = tuple(torch.empty(shape) for shape in shapes)
        else:
            pairs[name] = tuple(std * torch.randn(shape, generator=generator) for shape in shapes)
    return pairs


def as_diffusers(pairs):
    """As `StableDiffusionXLPipeline.save_lora_weights` names them."""
    return {
        f"unet.{module}.lora_{letter}.weight": value
        for module, pair in pairs.items()
        for letter, value in zip("AB", pair, strict=True)
    }


def as_processors(pairs):
    """As diffusers named them before peft: `….attn1.processor.to_q_lora.down.weight`."""
    found = {}
    for module, pair in pairs.items():
        head, _, last = module.removesuffix(".0").rpartition(".")
        of_attention = last in ("to_q", "to_k", "to_v", "to_out")
        stem = f"unet.{head}.processor.{last}_lora" if of_attention else f"unet.{module}.lora"
        found |= {f"{stem}.{end}.weight": value for end, value in zip(("down", "up"), pair, strict=True)}
    return found


def as_kohya(pairs, alpha=None):
    """As kohya's trainer names them; `alpha`: of every layer, None: that of its rank."""
    found = {}
    for module, (down, up) in pairs.items():
        stem = f"lora_unet_{module.replace('.', '_')}"
        found |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
        found[f"{stem}.alpha"] = torch.tensor(float(len(down) if alpha is None else alpha), device="cpu")
    return found
