"""Rules that form batches: how a batch is split is undone after a measurement."""

from mirror.benchmarks.training.rules import (
    RULES,
    by_count,
    equal_examples,
    grouped_by_length,
    mixed_examples,
    split_by,
)
from mirror.training import batch as training_batch
from mirror.training import step

PACKED, CUT, BEFORE, FIXED = RULES


def test_the_cut_of_a_row_is_undone():
    ours = training_batch.cuts
    with split_by(FIXED):
        assert training_batch.cuts is by_count and training_batch.cuts([9, 8, 1], 2) == [slice(0, 2), slice(2, 3)]
    with split_by(CUT):
        assert training_batch.cuts is ours
    assert training_batch.cuts is ours


def test_a_rule_without_packing_turns_it_off_as_long_as_it_is_measured():
    ours = step.packs
    with split_by(CUT):
        assert step.packs(None) is False
    with split_by(PACKED):
        assert step.packs is ours
    assert step.packs is ours


def test_the_earlier_rule_groups_by_length_and_begins_with_the_longest():
    lengths = [5 * number for number in range(1, 41)]
    plan = grouped_by_length(range(40), lengths, 4, seed=1, epoch=0)
    assert sorted(index for batch in plan for index in batch) == list(range(40))
    assert max(plan[0], key=lambda index: lengths[index]) == 39
    assert all(max(batch) - min(batch) == 3 for batch in plan), "neighbors in length, within fifty batches"
    assert plan == grouped_by_length(range(40), lengths, 4, 1, 0) != grouped_by_length(range(40), lengths, 4, 1, 1)


def test_examples_alternate_between_two_kinds_of_published_lengths():
    examples = mixed_examples(40)
    assert [one.kind for one in examples] == ["caption", "reply"] * 20
    assert all(633 <= one.positions <= 639 for one in examples[::2])
    assert all(1076 <= one.positions <= 1676 and one.answer < one.positions - 576 for one in examples[1::2])
    assert mixed_examples(40) == examples != mixed_examples(40, seed=1)


def test_examples_of_one_length_have_as_many_positions():
    mixed, equal = mixed_examples(64, 3), equal_examples(64, 3)
    assert len(set(equal)) == 1 and len(equal) == 64
    for name in ("positions", "answer"):
        total = sum(getattr(example, name) for example in mixed)
        assert abs(sum(getattr(example, name) for example in equal) - total) <= 32
