"""LoRA and projector: on the right modules, equal to peft's, saved and loaded in both layouts."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from test_llava import BASE, GOLDEN, greedy_ids, logits

from mirror.llava import generate, load
from mirror.lora import add_lora, load_adapter, load_checkpoint, lora_weights, merge_adapter, projector, save_adapter

ORIGINAL = GOLDEN / "checkpoints" / "llava-v1.5-tiny-mirror_planning-task-lora-epoch1"


@pytest.fixture(scope="module")
def expected():
    return load_file(GOLDEN / "expected.safetensors"), json.loads((GOLDEN / "expected.json").read_text())


def fresh(rank=8, dropout=0.0, seed=3, fused=True):
    llava = load(str(BASE))
    return llava, add_lora(llava.model, rank, 2 * rank, dropout, seed, fused)


def shake(model, seed=0):
    """Gives the (zero) B matrices values, so that LoRA does something."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in lora_weights(model):
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))


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


def test_checkpoint_without_manifest_asks_for_its_base_model():
    with pytest.raises(FileNotFoundError, match="say which base model"):
        load_checkpoint(Path(ORIGINAL))
