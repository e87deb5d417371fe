"""Gemma 3 and 4: the positions of an image see each other in both directions."""

from mirror.models.families.family import Family

FAMILIES = (
    Family(("gemma3",), processor="Gemma3Processor", token_types="token_type_ids"),
    Family(
        ("gemma4",),
        projector=("model.embed_vision",),
        vision_tower=("model.vision_tower", "model.audio_tower", "model.embed_audio"),
        processor="Gemma4Processor",
        token_types="mm_token_type_ids",
    ),
)
