"""Sizes that are counted are those of the model itself."""

import pytest

from mirror.models.families.loading import load
from mirror.models.lora import add_lora, lora_weights, projector
from mirror.models.memory.counting import CountedModel
from mirror.models.memory.fine_tuning import Model
from tests.tiny_families import make_model
from tests.tiny_llava import BASE


def test_of_a_llava_they_are_those_that_its_config_gives(tmp_path):
    load(str(BASE)).model.config.save_pretrained(tmp_path)
    counted, computed = CountedModel.of(tmp_path), Model.of(tmp_path)
    for name in ("hidden", "inner", "layers", "heads", "vocabulary", "linear", "projector", "other"):
        assert getattr(counted, name) == getattr(computed, name), name
    assert counted.lora(8) == computed.lora(8)


@pytest.mark.parametrize("kind", ["qwen3_vl", "smolvlm", "llama"])
def test_of_other_families_they_are_those_of_the_loaded_model(kind, tmp_path):
    counted = CountedModel.of(make_model(kind, tmp_path))
    model = add_lora(load(str(tmp_path)).model, 4, 8, 0.0, 0)
    assert counted.lora(4) == sum(weight.numel() for weight in lora_weights(model))
    assert counted.projector == sum(weight.numel() for weight in projector(model).parameters())
    everything = sum(weight.numel() for weight in model.parameters()) - counted.lora(4)
    assert counted.linear + counted.projector + counted.other == everything
    assert (counted.vision["num_hidden_layers"] == 0) == (kind == "llama")
