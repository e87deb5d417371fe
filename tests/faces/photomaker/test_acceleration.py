"""The network on a GPU: a recording gives what the network gives, at every size of batch, and again after another.

What is compiled is seen on any machine.
"""

from functools import partial

import numpy as np
import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D

from mirror.faces.photomaker import PaintRecipe, PaintRequest
from mirror.faces.photomaker.acceleration import COMPILE, RECOMPILE_LIMIT, Recorded
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.photomaker.pipeline import load_pipeline, networks
from mirror.models.memory.rotation import Rotation
from tests.tiny_photomaker import GOLDEN, load, request

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need an NVIDIA GPU")
RECIPE = PaintRecipe(steps=4, guidance_scale=3.0, merge_step=1, size=64, output_size=64)


def painter(compile="none"):
    models = "pocket/models/sdxl-pocket", "pocket/models/photomaker-v1-pocket.bin"
    return PhotoMaker.load(*models, RECIPE, device="cuda", compile=compile)


def latents(painter, count):
    requests = [PaintRequest(f"a man img, look {n}", "blurry", (), n) for n in range(count)]
    return painter.denoise(requests, painter.noise(requests), "latent")


@needs_gpu
def test_a_recording_gives_what_the_network_gives():
    recorded, plain = painter(), painter()
    assert isinstance(recorded.pipeline.unet.forward, Recorded)
    del plain.pipeline.unet.forward
    for count in (2, 1, 3, 2, 1):  # a batch of two is replayed after others were recorded
        torch.testing.assert_close(latents(recorded, count), latents(plain, count), atol=1e-5, rtol=0)


@needs_gpu
@pytest.mark.parametrize("compile", ["blocks", "whole"])
def test_compiled_code_differs_in_rounding_only(compile):
    torch.testing.assert_close(latents(painter(compile), 2), latents(painter(), 2), atol=1e-2, rtol=0)


@pytest.fixture
def traced(monkeypatch):
    """Compilation traces networks and guards them as ever, but writes no kernels, which takes minutes on a CPU."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))


@pytest.fixture
def pipeline(traced):
    with torch._dynamo.config.patch(recompile_limit=8):
        yield load_pipeline(str(GOLDEN / "sdxl-tiny"), "", torch.float32)[0]


def test_without_compilation_the_network_stays_as_it_is(pipeline):
    COMPILE["none"](pipeline)
    assert not any("forward" in vars(one) for part in networks(pipeline) for one in part.modules())
    assert torch._dynamo.config.recompile_limit == 8


def test_blocks_and_the_norms_between_them_are_compiled_each_for_all_of_its_shapes(pipeline):
    COMPILE["blocks"](pipeline)
    for part in (pipeline.unet, pipeline.vae.decoder):
        blocks = [one for one in part.modules() if isinstance(one, ResnetBlock2D | BasicTransformerBlock)]
        inside = {norm for one in part.modules() if isinstance(one, ResnetBlock2D) for norm in (one.norm1, one.norm2)}
        norms = [one for one in part.modules() if isinstance(one, torch.nn.GroupNorm) and one not in inside]
        assert blocks and norms and {one for one in part.modules() if "forward" in vars(one)} == {*blocks, *norms}
        assert part.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch._dynamo.config.recompile_limit == RECOMPILE_LIMIT


def test_a_norm_between_blocks_can_be_compiled(pipeline):
    COMPILE["blocks"](pipeline)
    norm = pipeline.unet.conv_norm_out
    x = torch.randn(1, norm.num_channels, 4, 4)
    with torch.inference_mode():
        torch.testing.assert_close(norm(x), torch.nn.GroupNorm.forward(norm, x))


def test_network_and_decoder_are_each_compiled_in_one(pipeline):
    COMPILE["whole"](pipeline)
    for network in (pipeline.unet, pipeline.vae.decoder):
        assert [one for one in network.modules() if "forward" in vars(one)] == [network]
        assert network.conv_in.weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.slow
def test_what_is_compiled_serves_a_painter_that_takes_turns(traced):
    """Its weights come back to other addresses: nothing is compiled anew, and pictures are an eager painter's."""
    shared = Rotation("cpu", {"counselor", "painter"})
    recipe = PaintRecipe(steps=2, guidance_scale=3.0, merge_step=1, size=64, output_size=64)
    painter = load(recipe=recipe, compile="whole", rotation=shared)
    counselor = shared.join("counselor", [torch.nn.Linear(2, 2)])
    asked = [request(seed=1)]
    expected = np.asarray(load(recipe=recipe).paint(asked)[0], int)
    with torch._dynamo.config.patch(recompile_limit=RECOMPILE_LIMIT):
        painter.paint(asked)
        for _ in range(2):
            with counselor:
                assert not painter.seat.stored.awake
            with torch._dynamo.config.patch(error_on_recompile=True):
                (image,) = painter.paint(asked)
            assert np.abs(np.asarray(image, int) - expected).max() <= 2
