"""LoRAs in the formats that people publish: every format gives the weights that diffusers' own loader gives."""

import json
import math

import pytest
import torch
from diffusers import StableDiffusionXLPipeline, UNet2DConditionModel
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file

from mirror.faces.photomaker.lora import fuse, lora_metadata, lora_scale, read_lora
from tests.published_loras import as_diffusers, as_kohya, as_processors, random_pairs
from tests.tiny_photomaker import GOLDEN

ALPHA, RANK = 8, 4
FORMATS = {"diffusers": as_diffusers, "processors": as_processors, "kohya": as_kohya}


def network():
    return UNet2DConditionModel.from_pretrained(GOLDEN / "sdxl-tiny" / "unet")


@pytest.fixture(scope="module")
def base():
    return network().state_dict()


@pytest.fixture(scope="module")
def pairs():
    return random_pairs(network(), RANK)


def fused(tensors, path, metadata=None, unet=None):
    unet = unet or network()
    fuse(unet, read_lora(tensors, metadata or {}, unet, path), path)
    return unet.state_dict()


def expected(base, pairs, scale):
    found = dict(base)
    for module, (down, up) in pairs.items():
        weight = base[f"{module}.weight"]
        found[f"{module}.weight"] = weight + (scale * (up.flatten(1) @ down.flatten(1))).reshape(weight.shape)
    return found


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    assert [key for key in wanted if not torch.equal(found[key], wanted[key])] == []


@pytest.mark.parametrize("form", FORMATS)
def test_the_weights_are_base_plus_scale_up_down_in_every_format(form, base, pairs, tmp_path):
    scale = 1.0 if form != "kohya" else ALPHA / RANK
    tensors = FORMATS[form](pairs) if form != "kohya" else as_kohya(pairs, ALPHA)
    assert len({key.split(".")[-1] for key in tensors}) == (2 if form == "kohya" else 1)
    assert_equal(fused(tensors, tmp_path / "x.safetensors"), expected(base, pairs, scale))


def test_the_weights_are_those_of_diffusers_own_loader(pairs, tmp_path):
    save_file(as_kohya(pairs, ALPHA), tmp_path / "lora.safetensors")
    pipeline = StableDiffusionXLPipeline.from_pretrained(GOLDEN / "sdxl-tiny")
    pipeline.load_lora_weights(tmp_path, weight_name="lora.safetensors")
    pipeline.fuse_lora(components=["unet"])
    pipeline.unload_lora_weights()
    wanted = pipeline.unet.state_dict()
    found = fused(load_file(tmp_path / "lora.safetensors"), tmp_path / "lora.safetensors")
    assert found.keys() == wanted.keys()
    for key in wanted:
        torch.testing.assert_close(found[key], wanted[key], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("stabilised", [False, True])
def test_a_lora_that_diffusers_writes_has_its_scale_in_the_header(stabilised, base, tmp_path):
    unet = network()
    modules = ["to_q", "to_out.0", "conv1", "ff.net.2"]
    config = LoraConfig(
        r=RANK, lora_alpha=ALPHA, target_modules=modules, use_rslora=stabilised, alpha_pattern={"ff.net.2": 2}
    )
    unet.add_adapter(config)
    adapted = {name: value for name, value in unet.named_parameters() if "lora_" in name}
    torch.manual_seed(0)
    for value in adapted.values():
        torch.nn.init.normal_(value, std=0.1)
    layers = get_peft_model_state_dict(unet, adapter_name="default")
    StableDiffusionXLPipeline.save_lora_weights(
        tmp_path, unet_lora_layers=layers, unet_lora_adapter_metadata=unet.peft_config["default"].to_dict()
    )
    path = tmp_path / "pytorch_lora_weights.safetensors"
    found = fused(load_file(path), path, lora_metadata(path))
    for name in layers:
        if not name.endswith("lora_A.weight"):
            continue
        module = name.removesuffix(".lora_A.weight")
        alpha = 2 if module.endswith("ff.net.2") else ALPHA
        scale = alpha / (math.sqrt(RANK) if stabilised else RANK)
        wanted = expected(base, {module: (layers[name], layers[f"{module}.lora_B.weight"])}, scale)
        torch.testing.assert_close(found[f"{module}.weight"], wanted[f"{module}.weight"], atol=1e-6, rtol=1e-6)
        assert not torch.equal(found[f"{module}.weight"], base[f"{module}.weight"])


def test_the_sgm_names_of_kohya_are_the_same_places(base, tmp_path):
    """kohya's trainer counts SDXL's blocks as the original network does, where diffusers nests them."""
    block = "transformer_blocks_0"
    names = {
        f"input_blocks_3_1_{block}_attn1_to_q": "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q",
        "input_blocks_3_0_in_layers_2": "down_blocks.1.resnets.0.conv1",
        "middle_block_1_proj_in": "mid_block.attentions.0.proj_in",
        f"output_blocks_1_1_{block}_ff_net_0_proj": "up_blocks.0.attentions.1.transformer_blocks.0.ff.net.0.proj",
    }
    unet = network()
    pairs = random_pairs(unet, RANK)
    written = {
        f"lora_unet_{name}.{end}": value
        for name, module in names.items()
        for end, value in zip(("lora_down.weight", "lora_up.weight"), pairs[module], strict=True)
    }
    wanted = expected(base, {module: pairs[module] for module in names.values()}, 1.0)
    assert_equal(fused(written, tmp_path / "x.safetensors"), wanted)


def test_ranks_and_alphas_may_differ_by_layer(base, pairs, tmp_path):
    """Taken from the file's tensors, layer by layer: no most frequent one is assumed."""
    names = sorted(pairs)[:3]
    some = {name: tuple(random_pairs(network(), rank)[name]) for name, rank in zip(names, (2, 3, 5), strict=True)}
    tensors = {}
    for number, (name, pair) in enumerate(some.items()):
        tensors |= as_kohya({name: pair}, number + 1)
    found = fused(tensors, tmp_path / "x.safetensors")
    for number, (name, (down, up)) in enumerate(some.items()):
        wanted = expected(base, {name: (down, up)}, (number + 1) / len(down))
        assert torch.equal(found[f"{name}.weight"], wanted[f"{name}.weight"])


def test_half_precision_is_rounded_once(base, pairs, tmp_path):
    unet = network().to(torch.bfloat16)
    rounded = {key: value.to(torch.bfloat16).float() for key, value in base.items()}
    found = fused(as_diffusers(pairs), tmp_path / "x.safetensors", unet=unet)
    wanted = {key: value.to(torch.bfloat16) for key, value in expected(rounded, pairs, 1.0).items()}
    assert_equal(found, wanted)


def refused(change, kind, pairs, tmp_path, match):
    tensors = dict(kind(pairs))
    change(tensors)
    unet = network()
    before = {key: value.clone() for key, value in unet.state_dict().items()}
    with pytest.raises(ValueError, match=match):
        fused(tensors, tmp_path / "x.safetensors", unet=unet)
    assert_equal(unet.state_dict(), before)  # nothing is half applied


def rename(old, new):
    def change(tensors):
        key = next(key for key in sorted(tensors) if old in key)
        stem = key.rsplit(".lora", 1)[0].removesuffix(".alpha")
        for name in [name for name in tensors if name.startswith(f"{stem}.")]:
            tensors[name.replace(old, new)] = tensors.pop(name)

    return change


@pytest.mark.parametrize(
    ("kind", "change", "match"),
    [
        (as_diffusers, rename("down_blocks.1", "down_blocks.7"), r"1 of \d+ parts .*e.g. down_blocks.7"),
        (as_kohya, rename("down_blocks_1", "down_blocks_7"), r"1 of \d+ parts .*e.g. down_blocks.7"),
        (as_kohya, rename("lora_unet_mid", "lora_te1_text_model_mid"), "have no place in the denoising network"),
        (as_kohya, lambda t: t.pop(next(k for k in sorted(t) if "up." in k)), r"1 of \d+ parts .*e.g. lora_unet_"),
        (as_diffusers, lambda t: t.pop(next(k for k in sorted(t) if "lora_B" in k)), r"1 of \d+ parts"),
        (as_kohya, lambda t: t.update({"lora_unet_conv_in.dora_scale": torch.ones(1)}), "1 of .*conv_in.dora_scale"),
        (as_kohya, lambda t: t.update({"lora_unet_conv_in.hada_w1_a": torch.ones(1)}), "not LoHa, LoKr or DoRA"),
        (as_diffusers, lambda t: t.update({"unet.conv_in.lora_B.bias": torch.ones(32)}), "1 of .*conv_in.lora_B.bias"),
        (as_diffusers, lambda t: t.update({"state": torch.ones(1)}), "1 of .*e.g. state"),
        (as_diffusers, lambda t: t.update({"unet.conv_in.lora_B.weight": torch.tensor(1.0)}), "1 of .*conv_in.lora_B"),
        (as_kohya, lambda t: t.update({min(t).split(".")[0] + ".alpha": torch.ones(2)}), "is no LoRA for SDXL"),
    ],
)  # fmt: skip
def test_what_has_no_place_is_refused_with_a_count_and_examples(kind, change, match, pairs, tmp_path):
    refused(change, kind, pairs, tmp_path, match)


@pytest.mark.parametrize("place", [0, 1])
def test_another_models_shapes_are_refused(place, pairs, tmp_path):
    module = sorted(pairs)[0]
    other = list(pairs[module])
    other[place] = torch.cat([other[place]] * 2, dim=1 - place)
    refused(lambda t: None, as_diffusers, pairs | {module: tuple(other)}, tmp_path, f"1 of .*{module}")


def test_a_mixture_of_names_is_refused(pairs, tmp_path):
    """diffusers drops one of the two without a word."""
    sgm = {
        f"lora_unet_input_blocks_3_1_proj_in.{end}": value
        for end, value in zip(
            ("lora_down.weight", "lora_up.weight"), pairs["down_blocks.1.attentions.0.proj_in"], strict=True
        )
    }
    refused(lambda tensors: tensors.update(sgm), as_kohya, pairs, tmp_path, "mixes several kinds of names")


def test_a_file_without_metadata_has_alpha_equal_to_the_rank(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors", {"format": "pt"})
    assert lora_metadata(tmp_path / "x.safetensors") == {}
    assert lora_scale("conv_in", 16, None, {}) == 1.0
    save_file({"a": torch.zeros(1)}, tmp_path / "y.safetensors", {"lora_adapter_metadata": json.dumps({"unet.r": 2})})
    assert lora_metadata(tmp_path / "y.safetensors") == {"r": 2}


@pytest.mark.parametrize("text", ["{", "[1]", '{"unet.lora_alpha": NaN}', ""])
def test_broken_metadata_is_refused(text, tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors", {"lora_adapter_metadata": text})
    with pytest.raises(ValueError, match="x.safetensors: lora_adapter_metadata in its header is no JSON object"):
        lora_metadata(tmp_path / "x.safetensors")


@pytest.mark.slow
def test_every_layer_of_the_published_distillations_finds_its_place(tmp_path):
    """SDXL-Lightning, Hyper-SD and LCM adapt the same 788 layers of SDXL, by kohya's names."""
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            block_out_channels=(320, 640, 1280), transformer_layers_per_block=(1, 2, 10),
            attention_head_dim=(5, 10, 20), cross_attention_dim=2048, use_linear_projection=True,
            addition_embed_type="text_time", addition_time_embed_dim=256, projection_class_embeddings_input_dim=2816,
        )  # fmt: skip
        pairs = random_pairs(unet, 1)
    tensors = {key: value if "alpha" not in key else torch.tensor(8.0) for key, value in as_kohya(pairs, 8).items()}
    layers = read_lora(tensors, {}, unet, tmp_path)
    assert len(layers) == 788
    assert layers.keys() == pairs.keys()
    assert {layer.scale for layer in layers.values()} == {8.0}
