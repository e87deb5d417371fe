"""The training benchmark's own arithmetic. That its two losses are one number is in test_step.py."""

from argparse import Namespace
from dataclasses import replace

import pytest
import torch

from mirror.benchmarks.random_models.counselor import random_counselor
from mirror.benchmarks.training.compute_rate import ANSWER
from mirror.benchmarks.training.variants import (
    VARIANTS,
    Measurement,
    Variant,
    lengths_of,
    measure,
    published_loss,
    published_step,
    random_batch,
    table,
    variants_of,
)
from mirror.models.llava_chat import IGNORED
from mirror.training import step
from tests.small_llava import POSITIONS


def test_a_random_batch_has_one_image_and_one_answer_an_example(model):
    batch = random_batch(model, [POSITIONS] * 3)
    assert ((batch.input_ids == model.config.image_token_id).sum(1) == 576).all()
    assert ((batch.labels != IGNORED).sum(1) == ANSWER).all() and batch.input_ids.shape == (3, POSITIONS)


def test_examples_of_different_lengths_fill_rows_as_long_as_equal_ones_do(model):
    batch = random_batch(model, [POSITIONS - number for number in range(8)])
    assert batch.lengths() == [POSITIONS - number for number in range(8)]
    rows = list(batch.packs(4, 128, 16))
    assert [row.input_ids.shape[1] for row in rows] == 2 * [-(-4 * POSITIONS // 128) * 128]
    assert [len(row.row) for row in rows] == [4, 4]


def test_an_example_of_qwen_has_the_positions_of_its_image():
    qwen = random_counselor("qwen3-vl-tiny", torch.float32, "meta")
    batch = random_batch(qwen, [200] * 3)
    assert ((batch.input_ids == qwen.config.image_token_id).sum(1) == 100).all() and batch.input_ids.shape == (3, 200)
    assert batch.images[2]["image_grid_thw"].tolist() == [[1, 20, 20]]


@pytest.mark.slow
def test_a_variant_is_measured_without_a_gpu():
    found = measure(
        Variant("own", 2, "auto", 0.0, compiled=False), "qwen3-vl-tiny", [160, 160, 150, 140], 1, 1e12, "cpu"
    )
    assert len(found.losses) == 3 and found.losses[2] < found.losses[0] and found.samples_per_second > 0


def test_the_published_step_is_undone():
    ours = step.loss_sum
    with published_step():
        assert step.loss_sum is published_loss
    assert step.loss_sum is ours


def test_ratios_are_to_the_published_recipe():
    assert VARIANTS[0].published and not any(v.published for v in VARIANTS[1:])
    rows = [
        Measurement(VARIANTS[0], 4.0, 45.0, 0.35, 32, [11.2], 9.0),
        Measurement(VARIANTS[1], 9.0, 90.0, 0.7, 8, [11.3], 9.0),
    ]
    lines = table(rows).splitlines()
    assert "| 4.00 | 1.00 |" in lines[2] and "| 9.00 | 2.25 |" in lines[3]


def test_lengths_are_those_of_the_choice():
    given = Namespace(lengths="equal", positions=1329, batch_size=3)
    assert lengths_of(given, VARIANTS[1]) == [1329, 1329, 1329]
    assert lengths_of(given, replace(VARIANTS[1], packed=True)) == [1329, 1328, 1327]
    mixed = lengths_of(Namespace(lengths="mixed", positions=1329, batch_size=32), VARIANTS[1])
    assert len(mixed) == 32 and min(mixed) < 640 and 1076 < max(mixed) <= 1676


def test_every_choice_has_its_rows():
    def chosen(**options):
        return variants_of(Namespace(**{"size": "7b", "quantize": None, "beside": None, "micro_batch": 2} | options))

    assert chosen() == VARIANTS and chosen(size="qwen3-vl-8b") == VARIANTS[1:]
    assert [one.trl for one in chosen(beside="trl")] == [True, True, False, False]
    quantized = [(one.quantize, one.packed, one.micro_batch) for one in chosen(quantize=["none", "nf4"])]
    assert quantized == [("none", False, 2), ("nf4", False, 2), ("none", True, 2), ("nf4", True, 2)]
