"""Counselors with random weights, LLaVA-1.5 or Qwen3-VL, and their random images."""

from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image

from mirror.benchmarks.random_models import llava, qwen3_vl
from mirror.models.families.images import ImageTensors, one_by_one
from mirror.models.families.loading import is_llava
from mirror.models.llava import SHAPES
from mirror.models.quantization import Quantize

SIZES = (*SHAPES, *qwen3_vl.SHAPES)
ON_CPU = ("qwen3-vl-tiny",)  # to try a benchmark without a GPU
NAMES = {size: f"LLaVA-1.5 {size}" for size in SHAPES} | {size: size for size in qwen3_vl.SHAPES}
NAMES["qwen3-vl-8b"] = "Qwen3-VL 8B"
SIDE = 336  # pixels of a face as it is shown to the counselor


def random_counselor(size: str, dtype: torch.dtype, device: str, quantize: Quantize = "none") -> Any:
    """A counselor at its published shapes, with random weights.

    Args:
        size: of `SIZES`.
        dtype: of the weights.
        device: a PyTorch device; the model is built there.
        quantize: as in `mirror.benchmarks.random_models.llava.random_model`; for LLaVA-1.5 alone.
    """
    if size in SHAPES:
        return llava.random_model(size, dtype, device, quantize)
    return qwen3_vl.random_model(size, dtype, device)


def random_images(config: Any, number: int, seed: int = 0) -> list[ImageTensors]:
    """The tensors of images of noise, each of `SIDE` pixels square, as the model's family reads them."""
    draw = torch.Generator().manual_seed(seed)
    if is_llava(config.model_type):
        return one_by_one(torch.randn(number, 3, *[config.vision_config.image_size] * 2, generator=draw))
    pixels = torch.randint(256, (number, SIDE, SIDE, 3), dtype=torch.uint8, generator=draw)
    return qwen3_vl.read_images([Image.fromarray(image.numpy()) for image in pixels])


def patches(config: Any) -> tuple[int, int]:
    """Patches of an image that the vision tower sees, and positions that they take in the language model."""
    vision = config.vision_config
    if is_llava(config.model_type):
        return ((vision.image_size // vision.patch_size) ** 2,) * 2
    seen = qwen3_vl.patches_of(SIDE)
    return seen, seen // vision.spatial_merge_size**2


def positions_of(size: str, text: int) -> int:
    """Positions of an example with that many tokens of text and one image, with the tokens that mark it."""
    if size in SHAPES:
        return text + patches(llava.make_config(size))[1]
    return text + patches(qwen3_vl.make_config(size))[1] + qwen3_vl.MARKS


def with_image(config: Any, words: Sequence[int], before: int) -> list[int]:
    """Token ids with an image after the first `before` words."""
    image = [config.image_token_id] * patches(config)[1]
    return [*words[:before], *image, *words[before:]]
