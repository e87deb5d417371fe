"""The parts that a record names."""

import re

import pytest
import torch
from PIL import Image
from torch import nn

from mirror.models.families.images import batched
from mirror.models.families.parts import (
    forward_inputs,
    language_model,
    linear_layers,
    pattern,
    projector_modules,
    token_types,
)


def test_of_a_list_of_projectors_each_is_one(qwen):
    assert list(projector_modules(qwen.model)) == ["model.visual.merger", "model.visual.deepstack_merger_list.0"]
    assert language_model(qwen.model) is qwen.model.model.language_model


def test_a_pattern_matches_the_linear_layers_of_the_language_model_and_no_other(qwen):
    expression = pattern(linear_layers(qwen.model))
    found = {name for name, _ in qwen.model.named_modules() if re.fullmatch(expression, name)}
    assert found == set(linear_layers(qwen.model)) and len(found) == 2 * 7
    assert any(isinstance(layer, nn.Linear) for name, layer in qwen.model.named_modules() if "visual" in name)


@pytest.mark.parametrize("path", ["a.layers.10.up", "a.layers.3.up"])
def test_a_pattern_takes_any_number(path):
    assert re.fullmatch(pattern(["a.layers.0.up", "a.layers.1.down"]), path)
    assert not re.fullmatch(pattern(["a.layers.0.up"]), "aXlayers.0.up")


def test_token_types_tell_the_positions_of_images(qwen):
    image = qwen.model.config.image_token_id
    assert token_types(qwen.model, torch.tensor([[5, image, 6]]))["mm_token_type_ids"].tolist() == [[0, 1, 0]]


def test_inputs_that_are_prepared_give_the_states_of_the_familys_own_pass(qwen):
    """Whole grids of two sizes, the prompts padded on the right as in training."""
    model, images = qwen.model, [Image.new("RGB", size, "red") for size in ((56, 84), (112, 56))]
    prompts = [qwen.tokenize_prompt("<image>\nWho is it?", image.size) for image in images]
    ids = torch.tensor([prompt + [qwen.pad] * (max(map(len, prompts)) - len(prompt)) for prompt in prompts])
    read = qwen.read_images(images)
    with torch.no_grad():
        prepared = forward_inputs(model, ids, read)
        found = model.model(use_cache=False, **prepared).last_hidden_state
        own = model.model(input_ids=ids, use_cache=False, **batched(read), **token_types(model, ids)).last_hidden_state
    assert "pixel_values" not in prepared and torch.equal(found, own)


def test_inputs_without_images_are_the_tokens(qwen):
    assert forward_inputs(qwen.model, torch.tensor([[5, 6]]), [{}])["input_ids"].tolist() == [[5, 6]]
