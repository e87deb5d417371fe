"""The network on a GPU: a recording gives what the network gives, at every size of batch, and again after another.

What is compiled is seen on any machine.
"""

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D

from mirror.faces.photomaker import PaintRecipe, PaintRequest, PhotoMaker
from mirror.faces.photomaker.acceleration import COMPILE, RECOMPILE_LIMIT, Recorded
from tests.tiny_photomaker import GOLDEN

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
def unet():
    with torch._dynamo.config.patch(recompile_limit=8):
        yield UNet2DConditionModel.from_pretrained(GOLDEN / "sdxl-tiny", subfolder="unet")


def compiled(unet):
    """The modules that are compiled when they are first called."""
    return [module for module in unet.modules() if module._compiled_call_impl is not None]


def test_without_compilation_the_network_stays_as_it_is(unet):
    COMPILE["none"](unet)
    assert compiled(unet) == [] and "forward" not in vars(unet) and torch._dynamo.config.recompile_limit == 8


def test_blocks_and_the_norms_between_them_are_compiled_each_for_all_of_its_shapes(unet):
    COMPILE["blocks"](unet)
    blocks = [one for one in unet.modules() if isinstance(one, ResnetBlock2D | BasicTransformerBlock)]
    inside = {norm for one in unet.modules() if isinstance(one, ResnetBlock2D) for norm in (one.norm1, one.norm2)}
    norms = [one for one in unet.modules() if isinstance(one, torch.nn.GroupNorm) and one not in inside]
    assert blocks and norms and set(compiled(unet)) == {*blocks}
    assert {one for one in unet.modules() if "forward" in vars(one)} == {*norms}
    assert unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch._dynamo.config.recompile_limit == RECOMPILE_LIMIT


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of PyTorch's own compiler
def test_a_norm_between_blocks_can_be_compiled(unet):
    COMPILE["blocks"](unet)
    norm = unet.conv_norm_out
    x = torch.randn(1, norm.num_channels, 4, 4)
    with torch.inference_mode():
        torch.testing.assert_close(norm(x), torch.nn.GroupNorm.forward(norm, x))


def test_the_whole_network_is_compiled_in_one(unet):
    plain = unet.forward
    COMPILE["whole"](unet)
    assert compiled(unet) == [] and unet.forward != plain
    assert unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
