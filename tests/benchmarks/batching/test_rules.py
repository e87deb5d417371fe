"""Rules that form batches: how a batch is split is undone after a measurement."""

from mirror.benchmarks.batching.rules import RULES, by_count, split_by
from mirror.training import batch as training_batch

BEFORE, NOW, FIXED = RULES


def test_the_cut_of_a_row_is_undone():
    ours = training_batch.cuts
    with split_by(FIXED):
        assert training_batch.cuts is by_count and training_batch.cuts([9, 8, 1], 2) == [slice(0, 2), slice(2, 3)]
    with split_by(NOW):
        assert training_batch.cuts is ours
    assert training_batch.cuts is ours
