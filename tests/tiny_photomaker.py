"""The tiny PhotoMaker of tests/data/photomaker-tiny, and the recipe that its expected tensors were painted with."""

from mirror.faces.photomaker import PaintRecipe
from tests import DATA

GOLDEN = DATA / "photomaker-tiny"
RECIPE = PaintRecipe(steps=6, guidance_scale=5.0, merge_step=2, size=64, output_size=32)
