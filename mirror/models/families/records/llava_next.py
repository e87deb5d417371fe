"""LLaVA-NeXT (1.6) and LLaVA-OneVision: an overview of the image, and tiles of it at its own resolution."""

from mirror.models.families.family import Family

FAMILIES = (
    Family(("llava_next",), processor="LlavaNextProcessor"),
    Family(("llava_onevision",), processor="LlavaOnevisionProcessor"),
)
