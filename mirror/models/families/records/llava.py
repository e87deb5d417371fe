"""LLaVA-1.5, the published base model. Chat layout, images and loading have modules of their own (`models.llava`)."""

from mirror.models.families.family import Family

FAMILIES = (Family(("llava", "llava_llama"), processor="LlavaProcessor"),)
