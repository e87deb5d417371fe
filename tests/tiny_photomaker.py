"""The tiny PhotoMaker of tests/data/photomaker-tiny: how it is loaded, and what the published one computed."""

import json

from PIL import Image
from safetensors.torch import load_file

from mirror.faces.photomaker import PaintRecipe, PaintRequest
from mirror.faces.photomaker.painter import PhotoMaker
from tests import DATA

GOLDEN = DATA / "photomaker-tiny"
RECIPE = PaintRecipe(steps=6, guidance_scale=5.0, merge_step=2, size=64, output_size=32)
EXPECTED = json.loads((GOLDEN / "expected.json").read_text())
TENSORS = load_file(GOLDEN / "expected.safetensors")
ONE, TWO = (Image.open(GOLDEN / name).convert("RGB") for name in EXPECTED["portraits"]["two"])
PROMPT, NEGATIVE = EXPECTED["prompt"], EXPECTED["negative_prompt"]


def embed_face(portrait):
    """insightface's embedding of one of the two portraits, as the published pipeline had it."""
    return TENSORS["v2_two_id_embeds"][[ONE, TWO].index(portrait)]


def load(version=1, recipe=RECIPE, adapter=None, base=GOLDEN / "sdxl-tiny", **options):
    adapter = adapter or GOLDEN / f"photomaker-v{version}.bin"
    return PhotoMaker.load(str(base), str(adapter), recipe, embed_face=embed_face, vision_heads=4, **options)


def request(prompt=PROMPT, portraits=(ONE,), seed=0, negative_prompt=NEGATIVE):
    return PaintRequest(prompt, negative_prompt, portraits, seed)
