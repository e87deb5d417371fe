"""Merging a checkpoint into one plain folder."""

import json
import subprocess
import sys

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoProcessor, LlavaForConditionalGeneration

from mirror.models.llava import load
from mirror.models.merge import merge
from tests.tiny_llava import BASE, GOLDEN, ORIGINAL, logits, pefts_adapter


@pytest.mark.slow
def test_merged_folder_is_a_plain_llava_hf_folder_with_the_loras_logits(tmp_path):
    """Through the command, from the original trainer's checkpoint; read back by transformers' own classes."""
    folder = tmp_path / "merged"
    done = subprocess.run(
        [sys.executable, "-m", "mirror.models.merge", ORIGINAL, folder, "--base-model", BASE, "--dtype", "float32"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "merged" in done.stdout
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
