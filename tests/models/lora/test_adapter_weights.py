"""Weights of adapters: those that do not fit or are not finite are refused."""

import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mirror.models.llava import load
from mirror.models.lora import add_lora, load_adapter, lora_weights, save_adapter
from mirror.models.lora.adapter_weights import read_adapter_weights, trained_prefix
from tests.tiny_llava import BASE, ORIGINAL


@pytest.mark.parametrize(
    ("rename", "message"),
    [
        (lambda k: k.replace("layers.0", "layers.7"), "weights are missing, e.g. layers.0"),
        (lambda k: k.replace("layers.0.self_attn", "vision_tower.layers.0.self_attn"), "neither LoRA on the language"),
    ],
)
def test_adapters_that_do_not_fit_are_refused(tmp_path, rename, message):
    shutil.copytree(ORIGINAL, tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_model.bin"
    torch.save({rename(k): v for k, v in torch.load(path, weights_only=True).items()}, path)
    with pytest.raises(ValueError, match=message):
        load_adapter(load(str(BASE)).model, tmp_path / "adapter")


def test_adapter_of_another_width_is_refused(tmp_path):
    shutil.copytree(ORIGINAL, tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_model.bin"
    torch.save({k: v[:, :32] if "lora_A" in k else v for k, v in torch.load(path, weights_only=True).items()}, path)
    with pytest.raises(ValueError, match=r"has shape \(8, \d+\), the base model needs"):
        load_adapter(load(str(BASE)).model, tmp_path / "adapter")


def test_a_folder_without_adapter_config_or_weights_is_named(tmp_path):
    shutil.copytree(ORIGINAL, tmp_path / "adapter")
    (tmp_path / "adapter" / "adapter_config.json").unlink()
    with pytest.raises(FileNotFoundError, match="adapter: no adapter_config.json, so this is not an adapter"):
        load_adapter(load(str(BASE)).model, tmp_path / "adapter")
    with pytest.raises(FileNotFoundError, match="no adapter weights; expected adapter_model.safetensors"):
        load_adapter(load(str(BASE)).model, tmp_path)


def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path):
    model = add_lora(load(str(BASE)).model, 8, 16, 0.0, 3)
    save_adapter(model, tmp_path)
    for file in ("adapter_model.safetensors", "projector.safetensors"):
        sound = load_file(tmp_path / file)
        bad = {name: tensor.clone() for name, tensor in sound.items()}
        next(iter(bad.values())).view(-1)[3] = float("inf")
        save_file(bad, tmp_path / file)
        with pytest.raises(ValueError, match="not loaded: 1 of .* weights are NaN or infinite"):
            load_adapter(load(str(BASE)).model, tmp_path)
        save_file(sound, tmp_path / file)
    lora_weights(model)[0].data[0] = float("nan")
    with pytest.raises(ValueError, match="not saved: 1 of .* weights are NaN or infinite"):
        save_adapter(model, tmp_path)


def test_the_names_of_every_writer_are_read_and_others_are_refused(tmp_path):
    layer = "layers.0.self_attn.q_proj.lora_A"
    names = [
        f"base_model.model.model.{layer}.weight",
        f"base_model.model.model.language_model.{layer.replace('A', 'B')}.default.weight",
        "base_model.model.model.mm_projector.2.bias",
        "model.multi_modal_projector.linear_1.weight",
    ]
    save_file({name: torch.zeros(1) for name in names}, tmp_path / "adapter_model.safetensors")
    assert sorted(read_adapter_weights(tmp_path)) == sorted(names)
    for name in (f"model.vision_tower.{layer}.weight", "lm_head.weight", "x.original_module.linear_1.weight"):
        save_file({name: torch.zeros(1)}, tmp_path / "adapter_model.safetensors")
        with pytest.raises(ValueError, match=f"{name} is neither LoRA on the language model nor the projector"):
            read_adapter_weights(tmp_path)


def test_the_trained_model_is_known_by_what_stands_before_its_layers(tmp_path):
    keys = [f"base_model.model.model.layers.{n}.mlp.up_proj.lora_{side}.weight" for n in (0, 1) for side in "AB"]
    assert trained_prefix(tmp_path, [*keys, "mm_projector.0.bias"]) == "model."
    other = [key.replace("model.layers", "model.language_model.layers") for key in keys]
    assert trained_prefix(tmp_path, other) == "model.language_model."
    for several in ([*keys, *other], ["mm_projector.0.bias"]):
        with pytest.raises(ValueError, match="must hold LoRA weights of one language model, found"):
            trained_prefix(tmp_path, several)
