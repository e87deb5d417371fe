"""Qwen2-VL to Qwen3.5: images at their own resolution, positions in time, height and width."""

from dataclasses import replace
from typing import Any

import torch

from mirror.models.families.family import Family
from mirror.models.families.images import moved, sent


def prepare(model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Computes on the CPU what depends on the images' grids alone: the positions of patches and of tokens.

    The grids stay there: the vision tower splits its rows by them in every layer.
    """
    from transformers.vision_utils import get_vision_interpolation_indices_and_weights, get_vision_position_ids

    ids, grids, types = (inputs.pop(name) for name in ("input_ids", "image_grid_thw", "mm_token_type_ids"))
    tower, inner = model.model.visual, model.model
    places, shares = get_vision_interpolation_indices_and_weights(
        grids,
        num_grid_per_side=tower.num_grid_per_side,
        mode=tower.interpolation_mode,
        align_corners=tower.interpolation_align_corners,
        spatial_merge_size=tower.spatial_merge_size,
    )
    positions, _ = inner.get_rope_index(ids, types, grids)
    whole = {"interp_indices": places, "position_ids": get_vision_position_ids(grids, tower.spatial_merge_size)}
    images = moved(inputs | whole, model.device, model.dtype)
    with torch.autocast(model.device.type, torch.bfloat16, enabled=model.dtype == torch.bfloat16):  # the projector's
        seen = inner.get_image_features(image_grid_thw=grids, interp_weights=sent(shares, model.device), **images)
    return {
        "input_ids": sent(ids, model.device),
        "position_ids": sent(positions, model.device),
        "mm_encoder_outputs": {"image": seen},
    }


QWEN2 = Family(
    ("qwen2_vl",),
    projector=("model.visual.merger",),
    vision_tower=("model.visual",),
    processor="Qwen2VLProcessor",
    token_types="mm_token_type_ids",
)
QWEN3 = replace(QWEN2, model_types=("qwen3_5", "qwen3_5_moe"), processor="Qwen3VLProcessor", prepare=prepare)

FAMILIES = (
    QWEN2,
    replace(QWEN2, model_types=("qwen2_5_vl",), processor="Qwen2_5_VLProcessor"),
    replace(
        QWEN3,
        model_types=("qwen3_vl", "qwen3_vl_moe"),
        projector=("model.visual.merger", "model.visual.deepstack_merger_list"),
    ),
    replace(QWEN3, template_options={"enable_thinking": False}),
)
