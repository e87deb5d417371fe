"""LoRA and projector: on the right modules, equal to peft's, saved and loaded in both layouts."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file

from mirror.models.families.vlm import generate
from mirror.models.llava import load
from mirror.models.lora import (
    add_lora,
    load_adapter,
    load_checkpoint,
    lora_weights,
    merge_adapter,
    projector,
    save_adapter,
    without_adapter,
)
from tests.tiny_llava import BASE, GOLDEN, ORIGINAL, greedy_ids, logits, pefts_adapter, shake, write_config


@pytest.fixture(scope="module")
def expected():
    return load_file(GOLDEN / "expected.safetensors"), json.loads((GOLDEN / "expected.json").read_text())


def fresh(rank=8, dropout=0.0, seed=3, fused=True):
    llava = load(str(BASE))
    return llava, add_lora(llava.model, rank, 2 * rank, dropout, seed, fused)


def test_lora_of_the_original_trainer_gives_the_published_logits(expected):
    tensors, texts = expected
    llava = load(str(BASE))
    load_adapter(llava.model, ORIGINAL)
    found = logits(llava, texts["human"], tensors["pixel_values"][None])
    torch.testing.assert_close(found[:, :480], tensors["lora_logits"], atol=1e-4, rtol=0)


def test_lora_of_the_original_trainer_gives_the_published_greedy_tokens(expected):
    tensors, texts = expected
    llava = load_checkpoint(ORIGINAL, base_model=str(BASE))
    wanted = tensors["lora_generated"].tolist()[1:]
    assert greedy_ids(llava, texts["human"], tensors["pixel_values"][None], len(wanted)) == wanted


def test_without_its_adapter_the_model_answers_as_its_base_model(expected):
    tensors, texts = expected
    question = texts["human"], tensors["pixel_values"][None]
    llava, model = fresh()
    base = logits(llava, *question)
    shake(model)
    tuned = logits(llava, *question)
    assert (tuned - base).abs().max() > 0.01
    with pytest.raises(KeyboardInterrupt), without_adapter(llava.model):
        torch.testing.assert_close(logits(llava, *question), base)
        raise KeyboardInterrupt
    torch.testing.assert_close(logits(llava, *question), tuned)


def test_lora_is_on_every_linear_layer_of_the_language_model_and_nowhere_else():
    _, model = fresh()
    found = {name.split(".lora_")[0] for name, _ in model.named_parameters() if "lora_" in name}
    prefix = "base_model.model.model.language_model.layers"
    wanted = {
        f"{prefix}.{layer}.{block}_proj"
        for layer in range(2)
        for block in [f"self_attn.{n}" for n in "qkvo"] + [f"mlp.{n}" for n in ("gate", "up", "down")]
    }
    assert found == wanted


def test_only_lora_and_projector_are_trainable():
    _, model = fresh()
    trainable = {name for name, p in model.named_parameters() if p.requires_grad}
    assert {n for n in trainable if "lora_" not in n} == {
        f"base_model.model.model.multi_modal_projector.linear_{i}.{part}" for i in (1, 2) for part in ("weight", "bias")
    }
    assert sum("lora_" in n for n in trainable) == 2 * 2 * 7
    assert all(p.dtype == torch.float32 for p in model.parameters() if p.requires_grad)


def test_fresh_lora_changes_nothing_and_is_drawn_from_its_seed(expected):
    tensors, texts = expected
    llava, model = fresh(seed=3)
    model.eval()
    found = logits(llava, texts["human"], tensors["pixel_values"][None])
    torch.testing.assert_close(found[:, :480], tensors["base_logits"], atol=1e-4, rtol=0)
    state = torch.get_rng_state()
    first, same, other = (lora_weights(fresh(seed=seed)[1])[0] for seed in (3, 3, 4))
    assert torch.equal(first, same) and not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())  # nobody else's random numbers were taken


def test_our_layer_equals_pefts_own_in_value_and_gradient(expected):
    """Without dropout the two are one function; both are run on the same weights."""
    tensors, _ = expected
    results = []
    for fused in (True, False):
        llava, model = fresh(fused=fused)
        shake(model)
        model.train()
        ids = tensors["input_ids"]
        ids = ids[ids >= 0][None]  # without the image: the layers are what is compared
        loss = llava.model(input_ids=ids, labels=ids).loss
        loss.backward()
        results.append((loss.detach(), [p.grad.clone() for p in lora_weights(model)]))
    torch.testing.assert_close(results[0][0], results[1][0])
    for ours, pefts in zip(results[0][1], results[1][1], strict=True):
        assert ours.abs().max() > 0
        torch.testing.assert_close(ours, pefts, atol=1e-6, rtol=1e-4)


def test_dropout_acts_in_training_and_not_in_evaluation():
    _, model = fresh(dropout=0.5)
    shake(model)
    layer = model.get_base_model().model.language_model.layers[0].mlp.up_proj
    x = torch.ones(3, 64)
    model.train()
    assert not torch.equal(layer(x), layer(x))
    model.eval()
    assert torch.equal(layer(x), layer(x))


def test_saved_and_loaded_gives_the_same_model(tmp_path, expected):
    tensors, texts = expected
    llava, model = fresh()
    shake(model)
    with torch.no_grad():
        projector(model).linear_1.weight.mul_(1.5)
    save_adapter(model, tmp_path)
    model.eval()
    wanted = logits(llava, texts["human"], tensors["pixel_values"][None])
    again = load(str(BASE))
    load_adapter(again.model, tmp_path)
    assert torch.equal(logits(again, texts["human"], tensors["pixel_values"][None]), wanted)
    (tmp_path / "projector.safetensors").unlink()
    with pytest.raises(ValueError, match="4 weights are missing, e.g. projector"):
        load_adapter(load(str(BASE)).model, tmp_path)


def test_merged_gives_the_same_logits(expected):
    tensors, texts = expected
    llava, model = fresh()
    shake(model)
    model.eval()
    wanted = logits(llava, texts["human"], tensors["pixel_values"][None])
    merge_adapter(llava.model)
    assert not [name for name, _ in llava.model.named_parameters() if "lora" in name]
    torch.testing.assert_close(
        logits(llava, texts["human"], tensors["pixel_values"][None]), wanted, atol=1e-5, rtol=1e-4
    )


def test_a_model_in_half_precision_answers_after_training():
    """The trained weights stay in float32 beside a bf16 base; the two must meet without an error."""
    llava = load(str(BASE), dtype=torch.bfloat16)
    model = add_lora(llava.model, 4, 8, 0.0, seed=0).eval()
    assert projector(model).linear_1.weight.dtype == torch.float32
    answers = generate(llava, ["<image>\nHello."], [Image.open(GOLDEN / "image.png")], 4)
    assert len(answers) == 1
    merge_adapter(llava.model)
    assert {p.dtype for p in llava.model.parameters()} == {torch.bfloat16}
    assert generate(llava, ["<image>\nHello."], [Image.open(GOLDEN / "image.png")], 4) == answers


def test_checkpoint_without_manifest_asks_for_its_base_model():
    with pytest.raises(FileNotFoundError, match="say which base model"):
        load_checkpoint(Path(ORIGINAL))


NOT_VISION = r".*vision_tower.*"
PEFT_CONFIGS = {
    "plain": {},
    "rslora": {"use_rslora": True},
    "alpha of one kind": {"alpha_pattern": {"q_proj": 128}},
    "alpha by expression": {"alpha_pattern": {r"layers\.1\.mlp\.(up|down)_proj": 3.5, "mlp.up_proj": 64}},
    "rank of one kind": {"rank_pattern": {"v_proj": 2, "layers.0.mlp.gate_proj": 16}},
    "all patterns": {"use_rslora": True, "rank_pattern": {"k_proj": 4}, "alpha_pattern": {"k_proj": 9, "o_proj": 1}},
    "few targets": {"target_modules": ["q_proj", "v_proj"], "exclude_modules": NOT_VISION},
    "an excluded target": {"target_modules": ["up_proj", "down_proj"], "exclude_modules": ["layers.0.mlp.down_proj"]},
    "one layer": {"target_modules": ["up_proj", "gate_proj"], "layers_to_transform": [1], "layers_pattern": "layers"},
    "transposed": {"fan_in_fan_out": True},
    "orthogonal": {"init_lora_weights": "orthogonal"},
    "mica": {"init_lora_weights": "mica"},
    "eva": {"init_lora_weights": "eva"},
    "projector inside": {"modules_to_save": ["multi_modal_projector"]},
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")  # peft's own, of options without effect
@pytest.mark.parametrize("changes", PEFT_CONFIGS.values(), ids=PEFT_CONFIGS)
def test_an_adapter_is_what_pefts_own_loader_makes_of_it(tmp_path, expected, changes):
    """Loaded and merged: scale, rank and place of each layer are the ones that peft reads from the same folder."""
    tensors, texts = expected
    folder = pefts_adapter(tmp_path, **changes)
    llava = load(str(BASE))
    plain = logits(llava, texts["human"], tensors["pixel_values"][None])
    PeftModel.from_pretrained(llava.model, str(folder))  # puts its layers into the model itself
    wanted = logits(llava, texts["human"], tensors["pixel_values"][None])
    found = load_checkpoint(folder, base_model=str(BASE))
    torch.testing.assert_close(
        logits(found, texts["human"], tensors["pixel_values"][None]), wanted, atol=1e-5, rtol=1e-4
    )
    merge_adapter(found.model)
    torch.testing.assert_close(
        logits(found, texts["human"], tensors["pixel_values"][None]), wanted, atol=1e-4, rtol=1e-4
    )
    assert (plain - wanted).abs().max() > 0.05


def test_patterns_match_the_names_that_the_original_trainer_saw(tmp_path, expected):
    """There a layer is `model.layers.0…`; under transformers' own name for it the pattern would match nothing."""
    shutil.copytree(ORIGINAL, tmp_path / "adapter")
    write_config(tmp_path / "adapter", alpha_pattern={r"model.layers.0.self_attn.q_proj": 160, r"^layers.1": 7})
    layers = load_checkpoint(
        tmp_path / "adapter", str(BASE), str(GOLDEN / "clip-tiny")
    ).model.model.language_model.layers
    scales = {layer.self_attn.q_proj.scaling["default"] for layer in layers}
    assert scales == {160 / 8, 16 / 8}
