"""PhotoMaker on the stock SDXL pipeline. The only folder that imports diffusers."""

from mirror.faces.clip_text import TRIGGER
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.photomaker.recipe import PaintRecipe, PaintRequest

__all__ = ["TRIGGER", "PaintRecipe", "PaintRequest", "PhotoMaker"]
