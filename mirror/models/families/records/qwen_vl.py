"""Qwen2-VL to Qwen3.5: images at their own resolution, positions in time, height and width."""

from dataclasses import replace

from mirror.models.families.family import Family

QWEN2 = Family(
    ("qwen2_vl",),
    projector=("model.visual.merger",),
    vision_tower=("model.visual",),
    processor="Qwen2VLProcessor",
    token_types="mm_token_type_ids",
)
QWEN3 = replace(QWEN2, model_types=("qwen3_5", "qwen3_5_moe"), processor="Qwen3VLProcessor")

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
