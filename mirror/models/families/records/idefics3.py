"""Idefics3 and SmolVLM, which write a tile of an image with its row and column.

SmolVLM's own processor writes images as Idefics3's does, and needs two more packages for videos.
"""

from mirror.models.families.family import Family

FAMILIES = (
    Family(
        ("idefics3", "smolvlm"),
        language_model="model.text_model",
        projector=("model.connector",),
        vision_tower=("model.vision_model",),
        processor="Idefics3Processor",
        compiles=True,
    ),
)
