"""The network on a GPU: a recording gives what the network gives, at every size of batch, and again after another."""

import pytest
import torch

from mirror.faces.photomaker import PaintRecipe, PaintRequest, PhotoMaker
from mirror.faces.photomaker.acceleration import Recorded

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need an NVIDIA GPU")
RECIPE = PaintRecipe(steps=4, guidance_scale=3.0, merge_step=1, size=64, output_size=64)


def painter(compile="none"):
    models = "pocket/models/sdxl-pocket", "pocket/models/photomaker-v1-pocket.bin"
    return PhotoMaker.load(*models, RECIPE, device="cuda", compile=compile)


def latents(painter, count):
    requests = [PaintRequest(f"a man img, look {n}", "blurry", (), n) for n in range(count)]
    return painter.denoise(requests, painter.noise(requests), "latent")


def test_a_recording_gives_what_the_network_gives():
    recorded, plain = painter(), painter()
    assert isinstance(recorded.pipeline.unet.forward, Recorded)
    del plain.pipeline.unet.forward
    for count in (2, 1, 3, 2, 1):  # a batch of two is replayed after others were recorded
        torch.testing.assert_close(latents(recorded, count), latents(plain, count), atol=1e-5, rtol=0)


@pytest.mark.parametrize("compile", ["blocks", "whole"])
def test_compiled_code_differs_in_rounding_only(compile):
    torch.testing.assert_close(latents(painter(compile), 2), latents(painter(), 2), atol=1e-2, rtol=0)
