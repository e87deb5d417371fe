"""PhotoMaker's weights: files of every layout, and what is refused."""

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file
from torch import nn

from mirror.faces.photomaker.weights import fuse_lora, read_adapter, weights_file
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


def test_a_lora_is_added_to_the_weight_that_it_names():
    unet = nn.ModuleDict({"attn": nn.ModuleDict({"to_q": nn.Linear(3, 2), "to_out": nn.ModuleList([nn.Linear(2, 2)])})})
    before = {name: value.clone() for name, value in unet.state_dict().items()}
    down, up = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[10.0], [100.0]])
    names = "unet.attn.processor.to_q_lora", "unet.attn.processor.to_out_lora"
    weights = {f"{names[0]}.down.weight": down, f"{names[0]}.up.weight": up}
    weights |= {f"{names[1]}.down.weight": torch.tensor([[1.0, 0.0]]), f"{names[1]}.up.weight": up}
    fuse_lora(unet, weights)
    change = {name: value - before[name] for name, value in unet.state_dict().items()}
    torch.testing.assert_close(change["attn.to_q.weight"], torch.tensor([[10.0, 20.0, 30.0], [100.0, 200.0, 300.0]]))
    torch.testing.assert_close(change["attn.to_out.0.weight"], torch.tensor([[10.0, 0.0], [100.0, 0.0]]))
    assert not change["attn.to_q.bias"].any()


def test_weights_are_read_nested_or_by_prefix(tmp_path):
    parts = {"id_encoder": {"a": torch.ones(1)}, "lora_weights": {"b.c": torch.zeros(2)}}
    torch.save(parts, tmp_path / "nested.bin")
    flat = {f"{part}.{name}": value for part, of in parts.items() for name, value in of.items()}
    save_file(flat, tmp_path / "flat.safetensors")
    for name in ("nested.bin", "flat.safetensors"):
        encoder, lora = read_adapter(tmp_path / name)
        assert (list(encoder), list(lora)) == (["a"], ["b.c"])
    save_file({"id_encoder.a": torch.ones(1)}, tmp_path / "half.safetensors")
    with pytest.raises(ValueError, match=r"half.safetensors is no PhotoMaker file: it holds no lora_weights"):
        read_adapter(tmp_path / "half.safetensors")


def test_a_file_on_this_machine_comes_before_the_hub(tmp_path, monkeypatch):
    file = tmp_path / "a.bin"
    file.touch()
    assert weights_file(str(file), "PhotoMaker weights") == file
    for name in ("./gone.bin", "~/gone.bin", "gone.bin", "owner/gone.bin"):
        with pytest.raises(FileNotFoundError, match="no PhotoMaker weights .*; give a file, or one of the Hub"):
            weights_file(name, "PhotoMaker weights")
    with pytest.raises(FileNotFoundError, match="owner/name/gone.bin was not found locally or on the Hub"):
        weights_file("owner/name/gone.bin", "PhotoMaker weights")
