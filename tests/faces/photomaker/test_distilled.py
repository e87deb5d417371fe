"""Distillations over SDXL: a LoRA or a whole network, from a file or a folder, and what is refused."""

import hashlib
import json
import shutil

import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from safetensors.torch import load_file, save_file

from mirror.faces.photomaker import PaintRequest
from mirror.faces.photomaker.distilled import distil
from mirror.faces.photomaker.painter import PhotoMaker
from tests.published_loras import as_diffusers, as_kohya, random_pairs
from tests.tiny_photomaker import GOLDEN, RECIPE

UNET = GOLDEN / "sdxl-tiny" / "unet"
FILE = UNET / "diffusion_pytorch_model.safetensors"


@pytest.fixture
def pipeline():
    return StableDiffusionXLPipeline.from_pretrained(GOLDEN / "sdxl-tiny")


def other_network():
    """The weights of another network of the same shapes, in half precision as SDXL-Lightning's file."""
    return {key: (1.5 * value).half() for key, value in load_file(FILE).items()}


def test_no_distillation_leaves_the_network_as_it_is(pipeline):
    before = {key: value.clone() for key, value in pipeline.unet.state_dict().items()}
    assert distil(pipeline, "", torch.float32) == {"distilled": ""}
    assert all(torch.equal(value, before[key]) for key, value in pipeline.unet.state_dict().items())


def test_a_lora_file_is_named_with_its_digest(pipeline, tmp_path):
    path = tmp_path / "sdxl_lightning_4step_lora.safetensors"
    save_file(as_kohya(random_pairs(pipeline.unet, 2), 8), path)
    before = pipeline.unet.conv_in.weight.clone(), pipeline.unet.mid_block.resnets[0].conv1.weight.clone()
    facts = distil(pipeline, str(path), torch.float32)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert facts == {"distilled": str(path), "distilled_kind": "LoRA", "distilled_sha256": digest}
    assert torch.equal(pipeline.unet.conv_in.weight, before[0])
    assert not torch.equal(pipeline.unet.mid_block.resnets[0].conv1.weight, before[1])


def test_the_file_of_a_whole_network_replaces_every_weight(pipeline, tmp_path):
    path = tmp_path / "sdxl_lightning_4step_unet.safetensors"
    other = other_network()
    save_file(other, path)
    facts = distil(pipeline, str(path), torch.float32)
    assert facts["distilled_kind"] == "network"
    assert facts["distilled_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    for key, value in pipeline.unet.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, other[key].float()), key


def test_a_pickle_of_weights_alone_is_read_and_any_other_refused(pipeline, tmp_path):
    torch.save(other_network(), tmp_path / "dmd2_unet.bin")
    assert distil(pipeline, str(tmp_path / "dmd2_unet.bin"), torch.float32)["distilled_kind"] == "network"
    torch.save({"a": RECIPE}, tmp_path / "code.bin")
    with pytest.raises(ValueError, match="holds more than weights"):
        distil(pipeline, str(tmp_path / "code.bin"), torch.float32)


def test_a_folder_brings_its_own_configuration(pipeline, tmp_path):
    """As a network distilled to take the guidance scale as an input (LCM-SDXL), which has one layer more."""
    folder = tmp_path / "lcm-sdxl"
    shutil.copytree(UNET, folder)
    config = json.loads((folder / "config.json").read_text()) | {"time_cond_proj_dim": 16}
    (folder / "config.json").write_text(json.dumps(config))
    weights = load_file(FILE) | {"time_embedding.cond_proj.weight": torch.full((32, 16), 0.1)}
    save_file(weights, folder / FILE.name, {"format": "pt"})
    facts = distil(pipeline, str(folder), torch.float32)
    assert facts["distilled_kind"] == "network"
    assert facts["distilled_sha256"] == hashlib.sha256((folder / FILE.name).read_bytes()).hexdigest()
    assert pipeline.unet.config.time_cond_proj_dim == 16
    painter = PhotoMaker.load(
        str(GOLDEN / "sdxl-tiny"), str(GOLDEN / "photomaker-v1.bin"), RECIPE, vision_heads=4, distilled=str(folder)
    )
    assert painter.facts()["evaluations"] == RECIPE.steps  # its guidance is inside
    one = PaintRequest("a man img", "", (), 0)
    assert painter.denoise([one], painter.noise([one]), "latent").isfinite().all()


def broken(change, path):
    weights = other_network()
    change(weights)
    save_file(weights, path)
    return str(path)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda w: w.pop("conv_in.weight"), r"1 of \d+ weights are missing, e.g. conv_in.weight; take the file of"),
        (lambda w: w.update({"more": torch.ones(1)}), r"1 of \d+ weights have no place, e.g. more"),
        (lambda w: w.update({"conv_in.bias": torch.ones(7)}), "1 weights have another shape, e.g. conv_in.bias"),
        (lambda w: w["conv_in.bias"].fill_(float("nan")), r"1 of \d+ tensors hold NaN or infinity, e.g. conv_in.bias"),
    ],
)
def test_another_network_is_refused(change, match, pipeline, tmp_path):
    with pytest.raises(ValueError, match=match):
        distil(pipeline, broken(change, tmp_path / "x.safetensors"), torch.float32)


def test_a_checkpoint_in_the_original_layout_is_refused(pipeline, tmp_path):
    save_file({"model.diffusion_model.input_blocks.0.0.weight": torch.ones(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match=r"1 of 1 weights have no place, e.g. model.diffusion_model.* for diffusers"):
        distil(pipeline, str(tmp_path / "x.safetensors"), torch.float32)


def test_a_lora_that_is_not_finite_is_refused(pipeline, tmp_path):
    tensors = as_diffusers(random_pairs(pipeline.unet, 2))
    tensors[min(tensors)][0, 0] = float("inf")
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match=f"x.safetensors: 1 of {len(tensors)} tensors hold NaN or infinity"):
        distil(pipeline, str(tmp_path / "x.safetensors"), torch.float32)


@pytest.mark.parametrize(
    "name", ["missing.safetensors", "./missing", "nobody/nothing/lora.safetensors", "nobody/nothing"]
)
def test_what_is_not_there_is_said(name, pipeline):
    with pytest.raises(
        FileNotFoundError, match=r"no distilled weights .*give a file|was not found locally or on the Hub"
    ):
        distil(pipeline, name, torch.float32)


def test_a_page_instead_of_the_file_is_refused(pipeline, tmp_path):
    (tmp_path / "x.safetensors").write_text("<!DOCTYPE html><html></html>")
    with pytest.raises(ValueError, match="is a web page and not the file"):
        distil(pipeline, str(tmp_path / "x.safetensors"), torch.float32)


def test_the_painter_fuses_both_loras(tmp_path):
    """PhotoMaker's and the distillation's add up, and the facts name the file."""
    files = str(GOLDEN / "sdxl-tiny"), str(GOLDEN / "photomaker-v1.bin")
    plain = PhotoMaker.load(*files, RECIPE, vision_heads=4)
    pairs = random_pairs(plain.pipeline.unet, 2)
    save_file(as_kohya(pairs, 4), tmp_path / "fast.safetensors")
    both = PhotoMaker.load(*files, RECIPE, vision_heads=4, distilled=str(tmp_path / "fast.safetensors"))
    module = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    down, up = pairs[module.removesuffix(".weight")]
    base = plain.pipeline.unet.state_dict()[module]
    assert not torch.equal(base, load_file(FILE)[module])
    torch.testing.assert_close(both.pipeline.unet.state_dict()[module], base + 2 * up @ down)
    assert both.facts()["distilled"] == str(tmp_path / "fast.safetensors")
    assert len(both.facts()["distilled_sha256"]) == 64
    assert plain.facts()["distilled"] == ""
