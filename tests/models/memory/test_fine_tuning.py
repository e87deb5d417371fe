"""The memory of fine-tuning: weights counted exactly, peaks near those that were measured."""

import json

import pytest
import torch

from mirror.models.llava import SHAPES, load
from mirror.models.lora import add_lora, lora_weights, projector
from mirror.models.memory.fine_tuning import VISION, VOCABULARY, Model, Need, Way
from mirror.models.memory.plan import LIBRARIES
from mirror.models.memory.sizes import llava_bytes
from mirror.models.quantization.nf4 import quantized_linear
from mirror.paths import input_path
from tests import ROOT
from tests.quantized import needs_nf4

POCKET = input_path("pocket/models/llava-v1.5-pocket")


def published(size):
    hidden, inner, layers, _ = SHAPES[size]
    return Model(hidden, inner, layers, 1.0, VOCABULARY, VISION)


def way(**changes):
    known = {"quantize": "none", "itemsize": 2, "rank": 128, "dropout": 0.05, "positions": 1344}
    return Way(**known | {"micro_batch": 8, "recompute": False} | changes)


def test_the_weights_of_a_folder_are_counted_from_its_config():
    model = Model.of(POCKET)
    assert 4 * (model.linear + model.other + model.projector) == llava_bytes(POCKET, torch.float32)
    tuned = add_lora(load(str(POCKET)).model, 16, 32, 0.0, seed=0)
    assert model.lora(16) == sum(weight.numel() for weight in lora_weights(tuned))
    assert model.projector == sum(weight.numel() for weight in projector(tuned).parameters())


def test_an_original_folder_without_a_vision_config_is_taken_for_the_published_tower(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "llava_llama", "hidden_size": 4096}))
    assert Model.of(tmp_path) == published("7b")


@pytest.mark.parametrize("size", SHAPES)
def test_estimated_peaks_are_near_the_measured_ones(size):
    """Rows of the benchmark in bf16: what was measured is without the GPU's libraries."""
    rows = json.loads((ROOT / f"results/benchmarks/train-{size}.json").read_text(encoding="utf-8"))
    compared = 0
    for row in rows:
        variant = row["variant"]
        if variant["published"] or variant["float8"] or not variant["compiled"]:
            continue  # bf16 throughout; weights that are stored twice; dropout masks
        recompute = variant["checkpointing"] == "always"
        need = Need.of(
            published(size), way(dropout=variant["dropout"], micro_batch=row["micro_batch"], recompute=recompute)
        )
        assert (need.total - LIBRARIES) / 1e9 == pytest.approx(row["memory_gb"], rel=0.06), variant["name"]
        compared += 1
    assert compared == 3


@needs_nf4
def test_4_bits_count_what_quantized_layers_take():
    model = Model.of(POCKET)
    in_16, in_4 = (Need.of(model, way(quantize=quantize)).weights for quantize in ("none", "nf4"))
    taken = sum(quantized_linear(torch.zeros(high, wide)).weight.nbytes for wide, high in model.shapes) * model.layers
    assert in_16 - in_4 == pytest.approx(2 * model.linear - taken, rel=0.02)


def test_a_quantized_7b_and_13b_fit_24_gb_as_their_params_files_say():
    for size, micro_batch, most in (("7b", 4, 17.5e9), ("13b", 2, 22e9)):
        need = Need.of(published(size), way(quantize="nf4", positions=2048, micro_batch=micro_batch, recompute=True))
        assert 0.95 * most < need.total < most
    assert "needs about 21.7 GB of 25.3 GB (frozen weights 7.8 GB, LoRA with op" in need.sentence(25_300_000_000)
