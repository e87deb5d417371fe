"""PhotoMaker on the stock SDXL pipeline. The only module that knows diffusers."""

from mirror.clip_text import TRIGGER
from mirror.photomaker.painter import PhotoMaker
from mirror.photomaker.recipe import SCHEDULERS, PaintRecipe, PaintRequest

__all__ = ["SCHEDULERS", "TRIGGER", "PaintRecipe", "PaintRequest", "PhotoMaker"]
