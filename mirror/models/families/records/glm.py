"""GLM-4.1V and GLM-4.6V: images at their own resolution, positions in time, height and width."""

from dataclasses import replace

from mirror.models.families.family import Family

GLM41 = Family(
    ("glm4v",),
    projector=("model.visual.merger",),
    vision_tower=("model.visual",),
    processor="Glm4vProcessor",
    token_types="mm_token_type_ids",
    template_options={"enable_thinking": False},
)

FAMILIES = (GLM41, replace(GLM41, model_types=("glm46v",), processor="Glm46VProcessor"))
