"""The original format of LLaVA-1.5: names of weights, its config, and an embedding that is padded to 64 rows."""

import json

import pytest
import torch
from safetensors.torch import save_file

from mirror.models.llava_original import load_original, rename_original
from tests.tiny_llava import BASE, GOLDEN

CONFIG = json.loads((BASE / "config.json").read_text())


@pytest.mark.parametrize(
    ("original", "renamed"),
    [
        ("model.layers.0.self_attn.q_proj.weight", "model.language_model.layers.0.self_attn.q_proj.weight"),
        ("model.embed_tokens.weight", "model.language_model.embed_tokens.weight"),
        ("model.norm.weight", "model.language_model.norm.weight"),
        ("lm_head.weight", "lm_head.weight"),
        ("model.mm_projector.0.weight", "model.multi_modal_projector.linear_1.weight"),
        ("model.mm_projector.2.bias", "model.multi_modal_projector.linear_2.bias"),
    ],
)
def test_each_weight_has_a_name_in_transformers(original, renamed):
    assert rename_original(original) == renamed


def load(folder=BASE, tower=str(GOLDEN / "clip-tiny"), dtype=torch.float32, **changes):
    return load_original(folder, {**CONFIG, **changes}, tower, dtype)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mm_projector_type": "linear"}, "mm_projector_type must be mlp2x_gelu .LLaVA-1.5., found 'linear'"),
        ({"mm_projector_type": None}, "mm_projector_type must be mlp2x_gelu .LLaVA-1.5., found None"),
        ({"mm_vision_select_feature": "cls"}, "mm_vision_select_feature must be patch or cls_patch, found 'cls'"),
    ],
)
def test_a_config_of_another_model_is_refused(changes, message):
    with pytest.raises(ValueError, match=f"config.json: {message}"):
        load(**changes)


def test_a_tower_is_named_by_the_config_or_by_the_user():
    config = {name: value for name, value in CONFIG.items() if name != "mm_vision_tower"}
    with pytest.raises(ValueError, match="config.json: mm_vision_tower missing; get the config of the published model"):
        load_original(BASE, config, "", torch.float32)
    model, _, _ = load_original(BASE, config, str(GOLDEN / "clip-tiny"), torch.float32)
    assert model.config.vision_feature_select_strategy == "default"
    assert load(mm_vision_select_feature="cls_patch")[0].config.vision_feature_select_strategy == "full"


def test_the_vocabulary_gets_image_and_padding_and_is_rounded_up_with_zeros():
    model, tokenizer, _ = load(dtype=torch.bfloat16)
    own = len(tokenizer) - 2
    assert set(tokenizer.convert_ids_to_tokens([own, own + 1])) == {"<image>", "<pad>"}
    assert model.config.image_token_id == tokenizer.convert_tokens_to_ids("<image>")
    for weight in (model.get_input_embeddings().weight, model.lm_head.weight):
        assert weight.shape[0] % 64 == 0 and 0 <= weight.shape[0] - len(tokenizer) < 64
        assert weight.dtype == torch.bfloat16 and not weight[own:].any() and weight[: own - 1].any(1).all()


def test_weights_without_a_head_or_with_more_rows_than_tokens_are_refused(tmp_path):
    for file in BASE.iterdir():
        if file.suffix != ".safetensors" and "model-" not in file.name and not file.name.startswith("pytorch_model"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = {"model.embed_tokens.weight": torch.zeros(9999, 4), "lm_head.weight": torch.zeros(8, 4)}
    for name, found in (("model.embed_tokens.weight", "9999 rows"), ("lm_head.weight", "none")):
        save_file(tensors, tmp_path / "model.safetensors")
        with pytest.raises(ValueError, match=f"{name.removeprefix('model.')} must have at most .* found {found}"):
            load(tmp_path)
        tensors = {"model.embed_tokens.weight": torch.zeros(8, 4)}
