"""Loading models of any family, and what is refused."""

import json
import shutil

import pytest
import torch

from mirror.models.families.loading import check_size, load, load_inputs, model_type
from mirror.models.families.parts import linear_layers
from mirror.models.generation_config import end_tokens
from mirror.models.llava import Llava
from tests.quantized import needs_nf4
from tests.tiny_families import TINY, make_model
from tests.tiny_llava import BASE


def test_the_config_says_what_is_loaded(qwen, qwen_folder):
    assert isinstance(load(str(BASE)), Llava) and not isinstance(qwen, Llava)
    assert type(qwen.model).__name__ == "Qwen3VLForConditionalGeneration" and model_type(str(qwen_folder)) == "qwen3_vl"
    assert not qwen.model.training and qwen.revision == ""


def test_the_end_of_the_chat_format_ends_answers(tmp_path):
    gemma = load(str(make_model("gemma3", tmp_path)))  # whose <end_of_turn> is not the tokenizer's end
    ends = gemma.tokenizer.convert_ids_to_tokens(end_tokens(gemma.model))
    assert set(ends) == {"<end_of_turn>", "<eos>"}


@pytest.mark.parametrize(
    ("size", "base", "message"),
    [
        ("7b", None, "size is 7b, but .* is of the type qwen3_vl; set size to other"),
        ("other", BASE, "size is other, but .* is of the type llava_llama; set size to 7b, 13b or pocket"),
        ("7b", BASE, "size is 7b, but .* which is pocket"),
    ],
)
def test_the_size_must_be_the_models(size, base, message, qwen_folder):
    with pytest.raises(ValueError, match=message):
        check_size(str(base or qwen_folder), "", size)
    check_size(str(qwen_folder), "", "other")


def test_a_family_that_is_not_known_is_refused_with_the_list(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "fuyu"}))
    for refuse in (load, lambda folder: check_size(folder, "", "other")):
        with pytest.raises(ValueError, match="'fuyu' cannot be the counselor; known are .*qwen3_vl"):
            refuse(str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"no config\.json"):
        load(str(tmp_path.parent))


def test_a_model_that_knows_no_chat_is_refused(qwen_folder, tmp_path):
    shutil.copytree(qwen_folder, tmp_path / "base")
    (tmp_path / "base/chat_template.jinja").unlink()
    with pytest.raises(ValueError, match="no chat template"):
        load(str(tmp_path / "base"))


@needs_nf4
def test_4_bits_hold_the_linear_layers_of_the_language_model_alone(qwen_folder):
    from bitsandbytes.nn import Linear4bit

    model = load(str(qwen_folder), quantize="nf4").model
    assert {name for name, layer in model.named_modules() if isinstance(layer, Linear4bit)} == set(linear_layers(model))


@pytest.mark.parametrize("kind", ["qwen3_vl", "llama"])
def test_inputs_are_the_same_without_weights(kind, tmp_path):
    folder = make_model(kind, tmp_path)
    whole, inputs = load(str(folder)), load_inputs(folder)
    assert next(inputs.model.parameters()).device == torch.device("meta")
    assert inputs.tokenize_prompt("<image>\nWho?", (50, 60)) == whole.tokenize_prompt("<image>\nWho?", (50, 60))
    assert (inputs.unused_tokens, inputs.window) == (whole.unused_tokens, whole.window)
    assert end_tokens(inputs.model) == end_tokens(whole.model) and kind in TINY
