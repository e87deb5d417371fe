"""The parts that a record names."""

import re

import pytest
import torch
from torch import nn

from mirror.models.families.parts import language_model, linear_layers, pattern, projector_modules, token_types


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
