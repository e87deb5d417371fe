"""PhotoMaker on the stock SDXL pipeline. The only folder that imports diffusers.

This module and those that it imports do without: diffusers is slow to import, and only who loads a painter needs it.
"""

from mirror.faces.clip_text import TRIGGER
from mirror.faces.photomaker.recipe import PaintRecipe, PaintRequest

__all__ = ["TRIGGER", "PaintRecipe", "PaintRequest"]
