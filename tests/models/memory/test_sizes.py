"""Sizes read from files and configs, held against models that are loaded."""

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from mirror.files.json_file import write_json
from mirror.models.decoding import Decoder
from mirror.models.llava import load
from mirror.models.memory.sizes import (
    LLAMA,
    cache_bytes,
    file_bytes,
    folder_bytes,
    folder_here,
    llava_bytes,
    prefill_bytes,
    text_config,
)
from mirror.paths import input_path
from tests import DATA

POCKET = input_path("pocket/models/llava-v1.5-pocket")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ORIGINAL = DATA / "llava-tiny/llava-v1.5-tiny"


def loaded_bytes(model):
    return sum(parameter.nbytes for parameter in model.parameters())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_weights_of_a_folder_are_those_of_the_model_it_becomes(dtype):
    assert llava_bytes(POCKET, dtype) == loaded_bytes(load(str(POCKET), dtype=dtype).model)


def test_the_original_format_counts_its_vision_tower_from_another_folder():
    """The rows that loading appends to the vocabulary are a fiftieth of this small one."""
    loaded, found = loaded_bytes(load(str(ORIGINAL)).model), llava_bytes(ORIGINAL, torch.float32)
    tower = folder_bytes(DATA / "llava-tiny/clip-tiny", torch.float32)
    assert 0 < tower < found and found == pytest.approx(loaded, rel=0.03)


def test_whole_numbers_keep_their_size_and_floats_get_that_of_the_model(tmp_path):
    tensors = {"w": torch.zeros(3, 5), "ids": torch.zeros(7, dtype=torch.int64), "on": torch.zeros(2, dtype=torch.bool)}
    save_file(tensors, tmp_path / "a.safetensors")
    torch.save(tensors, tmp_path / "a.bin")
    for name in ("a.safetensors", "a.bin"):
        assert file_bytes(tmp_path / name, torch.bfloat16) == 15 * 2 + 7 * 8 + 2
        assert file_bytes(tmp_path / name, torch.float32) == 15 * 4 + 7 * 8 + 2


def test_what_is_still_to_be_downloaded_has_no_size(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    assert folder_here("owner/model") is None and folder_bytes(None, torch.float32) is None
    snapshot = tmp_path / "models--owner--model/snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    refs = tmp_path / "models--owner--model/refs"
    refs.mkdir()
    (refs / "main").write_text(COMMIT)
    write_json(snapshot / "config.json", {})
    assert folder_here("owner/model") == folder_here(f"owner/model@{COMMIT}") == snapshot
    assert folder_bytes(snapshot, torch.float32) is None  # only its config, so far
    save_file({"w": torch.zeros(10)}, snapshot / "model.safetensors")
    assert folder_bytes(snapshot, torch.bfloat16) == 20
    assert folder_here("owner/model", "v2") is None


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"version https://git-lfs")
    with pytest.raises(ValueError, match="is a git-lfs pointer"):
        folder_bytes(tmp_path, torch.float32)


def test_entries_that_a_config_omits_are_those_of_llama_7b(tmp_path):
    """As llava-hf's config of the 7b model does."""
    write_json(tmp_path / "config.json", {"text_config": {"vocab_size": 9, "num_key_value_heads": None}})
    assert text_config(tmp_path) == LLAMA | {"vocab_size": 9}
    assert {name: value for name, value in LlamaConfig().to_dict().items() if name in LLAMA} == LLAMA


@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("prompts", [1, 3])
def test_the_cache_has_the_size_that_decoding_allocates(prompts, kv_heads):
    shape = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(vocab_size=64, num_key_value_heads=kv_heads, pad_token_id=0, eos_token_id=1, **shape)
    decoder = Decoder(LlamaForCausalLM(config).eval(), 0)
    decoder.static = True  # as on a GPU
    decoder.warm_up([prompts], 600)
    allocated = sum(layer.keys.nbytes + layer.values.nbytes for layer in decoder._cache.layers)
    assert cache_bytes(config.to_dict(), prompts, 600, torch.float32) == allocated


def test_the_published_size_in_round_numbers():
    """A gibibyte per reply of Llama-7b with 2,048 positions: 2 × 32 layers × 4096 channels × 2 bytes each."""
    assert cache_bytes(LLAMA, 1, 2048, torch.bfloat16) == 2**30
    assert cache_bytes(LLAMA | {"max_position_embeddings": 1024}, 5, 2048, torch.bfloat16) == 8 * 2**29
    one = prefill_bytes(LLAMA, 1, 2048, torch.bfloat16)
    assert prefill_bytes(LLAMA, 3, 2048, torch.bfloat16) == 4 * one and 1e8 < one < 1e9
