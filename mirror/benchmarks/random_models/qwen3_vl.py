"""Qwen3-VL with random weights at its published shapes, for benchmarks that need no download."""

from functools import cache
from typing import Any

import torch
from PIL import Image
from transformers import Qwen2VLImageProcessorPil, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from mirror.models.families.images import ImageTensors

SHAPES: dict[str, dict[str, dict[str, Any]]] = {
    "qwen3-vl-8b": {
        "text": {
            "hidden_size": 4096,
            "intermediate_size": 12288,
            "num_hidden_layers": 36,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "head_dim": 128,
            "vocab_size": 151936,
            "rope_parameters": {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [24, 20, 20]},
        },
        "vision": {
            "hidden_size": 1152,
            "intermediate_size": 4304,
            "depth": 27,
            "num_heads": 16,
            "out_hidden_size": 4096,
            "deepstack_visual_indexes": [8, 16, 24],
        },
        "ids": {"image_token_id": 151655, "video_token_id": 151656},
    },
    "qwen3-vl-tiny": {
        "text": {
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "vocab_size": 512,
            "rope_parameters": {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [2, 1, 1]},
        },
        "vision": {
            "hidden_size": 16,
            "intermediate_size": 24,
            "depth": 2,
            "num_heads": 2,
            "out_hidden_size": 32,
            "deepstack_visual_indexes": [0],
        },
        "ids": {"image_token_id": 510, "video_token_id": 511},
    },
}
MARKS = 2  # tokens before and after an image
PIXELS = {"shortest_edge": 65536, "longest_edge": 16777216}  # of a whole image, as published


def make_config(size: str) -> Qwen3VLConfig:
    """The config of a size of `SHAPES`."""
    shape = SHAPES[size]
    text = shape["text"] | {"max_position_embeddings": 262144, "rms_norm_eps": 1e-6}
    return Qwen3VLConfig(
        text_config=text | {"rope_parameters": text["rope_parameters"] | {"mrope_interleaved": True}},
        vision_config=shape["vision"],
        tie_word_embeddings=False,
        **shape["ids"],
    )


def random_model(size: str, dtype: torch.dtype, device: str) -> Qwen3VLForConditionalGeneration:
    """Qwen3-VL at its published shapes, with random weights.

    Args:
        size: of `SHAPES`.
        dtype: of the weights.
        device: a PyTorch device; the model is built there.
    """
    with torch.device(device):
        return Qwen3VLForConditionalGeneration._from_config(make_config(size), dtype=dtype)


def read_images(images: list[Image.Image]) -> list[ImageTensors]:
    """The tensors of each image, by the family's own processor with its published options."""
    half = [0.5] * 3
    read = Qwen2VLImageProcessorPil(size=PIXELS, patch_size=16, merge_size=2, image_mean=half, image_std=half)
    return [dict(read([image], return_tensors="pt")) for image in images]


@cache
def patches_of(side: int) -> int:
    """The number of patches of an image of that many pixels square."""
    (image,) = read_images([Image.new("RGB", (side, side))])
    return int(image["image_grid_thw"].prod())
