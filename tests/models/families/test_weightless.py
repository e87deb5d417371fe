"""Models without their weights."""

from mirror.models.families.family import family_of
from mirror.models.families.weightless import weightless


def test_it_has_the_shapes_of_the_model_and_no_weights(qwen, qwen_folder, tmp_path):
    (tmp_path / "config.json").write_bytes((qwen_folder / "config.json").read_bytes())
    model = weightless(tmp_path, family_of("qwen3_vl"))
    shapes = {name: weight.shape for name, weight in qwen.model.named_parameters()}
    assert {name: weight.shape for name, weight in model.named_parameters()} == shapes
    assert all(weight.is_meta for weight in model.parameters()) and model.name_or_path == str(tmp_path)
