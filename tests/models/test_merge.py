"""Merging a checkpoint into one plain folder."""

import json
import shutil
import sys

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoProcessor, LlavaForConditionalGeneration

from mirror.models.checkpoint import merged_faults
from mirror.models.llava import load, unused_tokens
from mirror.models.llava_chat import chat_template
from mirror.models.lora import load_adapter, load_checkpoint, without_adapter
from mirror.models.merge import main, merge, published_name
from tests.checkpoints import whole_checkpoint
from tests.quantized import needs_nf4
from tests.tiny_llava import BASE, GOLDEN, ORIGINAL, logits, pefts_adapter


@pytest.mark.slow
def test_merged_folder_is_a_plain_llava_hf_folder_with_the_loras_logits(tmp_path, monkeypatch, capsys):
    """Through the command, from the original trainer's checkpoint; read back by transformers' own classes."""
    folder = tmp_path / "merged"
    words = ["merge", str(ORIGINAL), str(folder), "--base-model", str(BASE), "--dtype", "float32"]
    monkeypatch.setattr(sys, "argv", words)
    main()
    assert "merged" in capsys.readouterr().out
    names = load_file(folder / "model.safetensors").keys()
    assert {name.split(".")[0] for name in names} == {"language_model", "vision_tower", "multi_modal_projector"}
    assert "language_model.model.layers.0.self_attn.q_proj.weight" in names
    assert "vision_tower.vision_model.embeddings.class_embedding" in names

    tensors = load_file(GOLDEN / "expected.safetensors")
    human = json.loads((GOLDEN / "expected.json").read_text())["human"]
    found = logits(load(str(folder)), human, tensors["pixel_values"][None])
    torch.testing.assert_close(found[:, :480], tensors["lora_logits"], atol=1e-4, rtol=0)
    LlavaForConditionalGeneration.from_pretrained(folder)
    assert AutoProcessor.from_pretrained(folder).tokenizer.pad_token == "<pad>"

    with pytest.raises(FileExistsError, match="exists already"):
        merge(ORIGINAL, folder, str(BASE))


def test_a_merged_folder_has_what_a_server_needs(tmp_path):
    """Its chat template adds nothing, its end tokens are the model's, and no answer may hold the other tokens."""
    folder = whole_checkpoint(tmp_path / "c")
    for name in ("adapter_config.json", "adapter_model.bin", "non_lora_trainables.bin"):
        shutil.copy(ORIGINAL / name, folder / name)
    for name in ("adapter_model.safetensors", "projector.safetensors"):
        (folder / name).unlink()
    merge(folder, tmp_path / "merged", str(BASE), dtype="float32")
    llava = load(str(BASE))
    processor = AutoProcessor.from_pretrained(tmp_path / "merged")
    assert processor.chat_template == processor.tokenizer.chat_template == chat_template(llava.tokenizer)
    generation = json.loads((tmp_path / "merged/generation_config.json").read_text())
    assert generation["eos_token_id"] == [llava.tokenizer.eos_token_id]
    assert generation["suppress_tokens"] == unused_tokens(llava.model.config, llava.tokenizer)
    assert merged_faults(tmp_path / "merged", "pocket", "planning", "base") == []


def test_without_the_adapter_the_base_language_model_is_written_with_the_trained_projector(tmp_path, monkeypatch):
    folder = pefts_adapter(tmp_path / "adapter")
    words = ["merge", str(folder), str(tmp_path / "base"), "--base-model", str(BASE), "--dtype", "float32"]
    monkeypatch.setattr(sys, "argv", [*words, "--without-adapter"])
    main()
    tensors = load_file(GOLDEN / "expected.safetensors")
    human = json.loads((GOLDEN / "expected.json").read_text())["human"]
    checkpoint = load_checkpoint(folder, str(BASE))
    with without_adapter(checkpoint.model):
        wanted = logits(checkpoint, human, tensors["pixel_values"][None])
    found = logits(load(str(tmp_path / "base")), human, tensors["pixel_values"][None])
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)
    assert not (found - logits(checkpoint, human, tensors["pixel_values"][None])).abs().max() < 0.01
    assert not {"manifest.json", "prompts.json"} & {path.name for path in (tmp_path / "base").iterdir()}


def test_an_adapters_own_scales_are_merged(tmp_path):
    """The scale is peft's alpha / √r with an alpha for each kind of layer, not the alpha / r of the plain entries."""
    (tmp_path / "adapter").mkdir()
    folder = pefts_adapter(tmp_path / "adapter", use_rslora=True, alpha_pattern={"q_proj": 3, "mlp.down_proj": 40})
    merge(folder, tmp_path / "merged", str(BASE), dtype="float32")
    llava = load(str(BASE))
    PeftModel.from_pretrained(llava.model, str(folder))
    tensors = load_file(GOLDEN / "expected.safetensors")
    human = json.loads((GOLDEN / "expected.json").read_text())["human"]
    wanted = logits(llava, human, tensors["pixel_values"][None])
    found = logits(load(str(tmp_path / "merged")), human, tensors["pixel_values"][None])
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


@needs_nf4
def test_an_adapter_is_merged_into_the_bases_own_weights_or_on_request_into_the_rounded_ones(tmp_path):
    tensors = load_file(GOLDEN / "expected.safetensors")
    question = json.loads((GOLDEN / "expected.json").read_text())["human"], tensors["pixel_values"][None]
    found = {}
    for quantize in ("none", "nf4"):
        merge(ORIGINAL, tmp_path / quantize, str(BASE), dtype="float32", quantize=quantize)
        found[quantize] = logits(load(str(tmp_path / quantize)), *question)
    wanted = load(str(BASE), quantize="nf4")
    load_adapter(wanted.model, ORIGINAL)
    torch.testing.assert_close(found["nf4"], logits(wanted, *question), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found["none"][:, :480], tensors["lora_logits"], atol=1e-4, rtol=0)
    assert (found["none"] - found["nf4"]).abs().max() > 0.01


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("lm_head.weight", "language_model.lm_head.weight"),
        ("model.language_model.norm.weight", "language_model.model.norm.weight"),
        ("model.multi_modal_projector.linear_1.bias", "multi_modal_projector.linear_1.bias"),
    ],
)
def test_weights_have_their_published_names(key, name):
    assert published_name(key) == name


def test_what_is_no_weight_of_llava_is_refused():
    with pytest.raises(ValueError, match="^score.weight is not a weight of LLaVA-1.5$"):
        published_name("score.weight")


@pytest.mark.parametrize(
    ("checkpoint", "words", "message"),
    [
        ("nowhere", [], "nowhere/manifest.json is missing: restore it"),
        (str(ORIGINAL), [], "say which base model"),
        (str(ORIGINAL), ["--base-model", "./nowhere"], "nowhere"),
        (str(ORIGINAL), ["--dtype", "float8"], "invalid choice: 'float8'"),
        (str(ORIGINAL), ["--quantize", "int8"], "invalid choice: 'int8'"),
    ],
)
def test_a_checkpoint_that_cannot_be_merged_is_one_sentence_and_status_2(
    checkpoint, words, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["merge", checkpoint, str(tmp_path / "merged"), *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2 and message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_folder_that_exists_is_left_as_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["merge", str(ORIGINAL), str(tmp_path), "--base-model", str(BASE)])
    with pytest.raises(SystemExit):
        main()
    assert "exists already" in capsys.readouterr().err and not list(tmp_path.iterdir())
