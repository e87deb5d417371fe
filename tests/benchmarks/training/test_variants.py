"""The training benchmark's own arithmetic. That its two losses are one number is in test_step.py."""

from argparse import Namespace

import pytest
import torch

from mirror.benchmarks.random_models.counselor import random_counselor
from mirror.benchmarks.training.compute_rate import ANSWER
from mirror.benchmarks.training.variants import (
    VARIANTS,
    Measurement,
    Variant,
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
    batch = random_batch(model, 3, POSITIONS)
    assert ((batch.input_ids == model.config.image_token_id).sum(1) == 576).all()
    assert ((batch.labels != IGNORED).sum(1) == ANSWER).all() and batch.input_ids.shape == (3, POSITIONS)


def test_an_example_of_qwen_has_the_positions_of_its_image():
    qwen = random_counselor("qwen3-vl-tiny", torch.float32, "meta")
    batch = random_batch(qwen, 3, 200)
    assert ((batch.input_ids == qwen.config.image_token_id).sum(1) == 100).all() and batch.input_ids.shape == (3, 200)
    assert batch.images[2]["image_grid_thw"].tolist() == [[1, 20, 20]]


@pytest.mark.slow
def test_a_variant_is_measured_without_a_gpu():
    found = measure(Variant("own", 2, "auto", 0.0, compiled=False), "qwen3-vl-tiny", 160, 4, 1, 1e12, "cpu")
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


def test_every_choice_has_its_rows():
    def chosen(**options):
        return variants_of(Namespace(**{"size": "7b", "quantize": None, "beside": None, "micro_batch": 2} | options))

    assert chosen() == VARIANTS and chosen(size="qwen3-vl-8b") == VARIANTS[1:]
    assert [one.trl for one in chosen(beside="trl")] == [True, True, False, False]
    assert [(one.quantize, one.micro_batch) for one in chosen(quantize=["none", "nf4"])] == [("none", 2), ("nf4", 2)]
