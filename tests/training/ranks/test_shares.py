"""Parts of a batch for every rank: complete, in order, and the most costly one as cheap as possible."""

from itertools import combinations_with_replacement

from hypothesis import given
from hypothesis import strategies as st

from mirror.training.batch import prefix_costs
from mirror.training.ranks.shares import SharedPlan, share_out

LENGTHS = st.lists(st.integers(1, 40), max_size=7).map(lambda lengths: sorted(lengths, reverse=True))


def cost(lengths, size, overhead):
    return list(prefix_costs(lengths, size, overhead))[-1][0] if lengths else 0


@given(LENGTHS, st.integers(1, 4), st.integers(1, 4), st.integers(0, 50))
def test_no_other_cut_into_consecutive_parts_costs_less(lengths, ranks, size, overhead):
    parts = share_out(lengths, ranks, size, overhead)
    assert len(parts) == ranks and [i for part in parts for i in range(len(lengths))[part]] == list(range(len(lengths)))
    found = max(cost(lengths[part], size, overhead) for part in parts)
    for cuts in combinations_with_replacement(range(len(lengths) + 1), ranks - 1):
        ends = [0, *cuts, len(lengths)]
        other = max(cost(lengths[a:b], size, overhead) for a, b in zip(ends, ends[1:], strict=False))
        assert found <= other


@given(LENGTHS, st.integers(1, 4))
def test_parts_of_packed_examples_have_positions_as_equal_as_can_be(lengths, ranks):
    parts = share_out(lengths, ranks, 4, None)
    assert len(parts) == ranks and [i for part in parts for i in range(len(lengths))[part]] == list(range(len(lengths)))
    found = max(sum(lengths[part]) for part in parts)
    for cuts in combinations_with_replacement(range(len(lengths) + 1), ranks - 1):
        ends = [0, *cuts, len(lengths)]
        assert found <= max(sum(lengths[a:b]) for a, b in zip(ends, ends[1:], strict=False))


def test_a_rank_with_long_examples_gets_fewer():
    lengths = [1300] * 8 + [650] * 16
    assert [len(lengths[part]) for part in share_out(lengths, 4, 16, 512)] == [4, 4, 8, 8]


def test_some_ranks_get_nothing_of_a_small_batch():
    assert [len(range(2)[part]) for part in share_out([9, 5], 4, 16, 64)] == [1, 1, 0, 0]
    assert share_out([], 2, 16, 64) == [slice(0, 0)] * 2


@given(st.lists(st.lists(st.integers(0, 9), max_size=6, unique=True), max_size=3), st.integers(1, 4))
def test_the_parts_of_a_plan_make_up_its_batches(plan, ranks):
    lengths = [5 + 3 * i for i in range(10)]
    parts = [SharedPlan(plan, lengths, rank, ranks, 2, 8) for rank in range(ranks)]
    assert all(len(part) == len(plan) for part in parts)
    for number, batch in enumerate(plan):
        assert sorted(i for part in parts for i in part[number]) == sorted(batch)
