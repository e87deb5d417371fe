"""PhotoMaker's weights: files of every layout, and what is refused."""

import pytest
import torch
from diffusers import UNet2DConditionModel

from mirror.faces.photomaker.weights import fuse_lora, read_adapter
from tests.tiny_photomaker import GOLDEN


def test_a_lora_of_another_model_is_refused():
    _, lora = read_adapter(GOLDEN / "photomaker-v1.bin")
    unet = UNet2DConditionModel.from_pretrained(GOLDEN / "sdxl-tiny", subfolder="unet")
    elsewhere = {key.replace("down_blocks.1", "down_blocks.7"): value for key, value in lora.items()}
    with pytest.raises(ValueError, match="down_blocks.7.*does not fit this model"):
        fuse_lora(unet, elsewhere)
    key = next(iter(lora))
    with pytest.raises(ValueError, match="does not fit this model"):
        fuse_lora(unet, lora | {key: torch.zeros(4, 7)})
    with pytest.raises(ValueError, match="not pairs of down and up"):
        fuse_lora(unet, {key: lora[key]})
