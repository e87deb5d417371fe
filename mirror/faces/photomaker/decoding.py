"""Decodes latents into pictures, one at a time, with the bytes that the stock pipeline gives.

A picture of 1024 × 1024 occupies a large GPU, so that a batch gains nothing and takes memory; and only one size is
compiled. The GPU rounds to bytes itself: the copy from it is an eighth of the pipeline's.
"""

from collections.abc import Sequence

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image


@torch.inference_mode()
def decoded(pipeline: StableDiffusionXLPipeline, latents: torch.Tensor) -> Sequence[Image.Image]:
    """One RGB picture per row.

    Args:
        pipeline: SDXL.
        latents: [n, channels, height/8, width/8], of the dtype of the pipeline's VAE.
    """
    return [_decoded(pipeline, row) for row in latents.split(1)]


def _decoded(pipeline: StableDiffusionXLPipeline, latents: torch.Tensor) -> Image.Image:
    config, vae = pipeline.vae.config, pipeline.vae
    if config.latents_mean is not None and config.latents_std is not None:
        mean, std = (torch.tensor(x).view(1, -1, 1, 1).to(latents) for x in (config.latents_mean, config.latents_std))
        latents = latents * std / config.scaling_factor + mean
    else:
        latents = latents / config.scaling_factor
    pixels = pipeline.image_processor.postprocess(vae.decode(latents, return_dict=False)[0], output_type="pt")
    rows = (pixels[0].permute(1, 2, 0).float() * 255).round().to(torch.uint8)
    return Image.fromarray(rows.cpu().numpy())
