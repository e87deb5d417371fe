"""Operations of a step, counted by hand."""

import pytest

from mirror.benchmarks.training.compute_rate import ANSWER, flops_per_example
from tests.small_llava import HIDDEN, INNER, LAYERS, POSITIONS, RANK


def test_operations_are_counted_by_hand(model):
    layer = 4 * HIDDEN**2 + 3 * HIDDEN * INNER
    lora = 4 * RANK * 2 * HIDDEN + 3 * RANK * (HIDDEN + INNER)
    language = POSITIONS * LAYERS * (4 * layer + 6 * lora)
    attention = 3 * LAYERS * (2 * 2 * POSITIONS**2 * HIDDEN) / 2
    tower = 24 * (4 * 1024**2 + 2 * 1024 * 4096) + 577 * 1024  # the position table counts as a matrix
    image = 576 * (2 * tower + 6 * (1024 * HIDDEN + HIDDEN**2))
    head = ANSWER * 4 * 32064 * HIDDEN
    assert flops_per_example(model, POSITIONS) == pytest.approx(language + attention + image + head, rel=1e-6)
