"""Aya Vision: tiles of an image, each with its number, and an overview of it."""

from mirror.models.families.family import Family

FAMILIES = (Family(("aya_vision",), processor="AyaVisionProcessor", compiles=True),)
