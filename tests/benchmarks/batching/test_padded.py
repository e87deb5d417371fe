"""The earlier, padded micro-batches: cut where it costs least, trimmed to their longest example, undone afterwards."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.benchmarks.batching.padded import (
    MICRO_BATCH_COST,
    cheapest_cuts,
    cuts_by_count,
    padded_micro_batches,
    split,
)
from mirror.models.llava_chat import IGNORED, Tokens
from mirror.training import step
from mirror.training.batch import Batch, collate

CPU = torch.device("cpu")


@pytest.fixture
def batch():
    tokens = [Tokens(list(range(9, 9 + n)), [IGNORED] * (n - 2) + [7, 8]) for n in (5, 3, 4)]
    return collate(tokens, torch.arange(1.0, 4).view(-1, 1, 1, 1), pad_token_id=0)


def test_each_part_is_trimmed_to_its_longest_example(batch):
    first, second = split(batch, 2, CPU, 1, cuts_by_count)
    assert first.input_ids.tolist() == [[9, 10, 11, 12, 13], [9, 10, 11, 12, 0]]
    assert first.attention_mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]]
    assert first.labels.tolist() == [[IGNORED] * 3 + [7, 8], [IGNORED] * 2 + [7, 8, IGNORED]]
    assert first.predicting.tolist() == [2, 3, 6, 7] and first.targets.tolist() == [7, 8, 7, 8]
    assert second.input_ids.tolist() == [[9, 10, 11]] and second.pixel_values.flatten().tolist() == [2]
    assert [part.input_ids.shape[1] for part in split(batch, 2, CPU, 4, cuts_by_count)] == [8, 4]


def test_padding_is_undone(batch):
    ours = Batch.split, step.packed_attention
    with pytest.raises(ZeroDivisionError), padded_micro_batches(cuts_by_count):
        assert [len(part.input_ids) for part in batch.split(2, CPU)] == [2, 1]
        raise ZeroDivisionError
    assert (Batch.split, step.packed_attention) == ours


def examples_of(lengths, size):
    return [lengths[part] for part in cheapest_cuts(lengths, size)]


def test_captions_and_replies_are_cut_apart_and_more_captions_fit():
    replies, captions = [1330] * 16, [640] * 16
    assert examples_of(replies + captions, 8) == [replies[:8], replies[8:], captions]
    assert examples_of(replies + captions, 16) == [replies, captions]
    assert examples_of([1330] * 32, 16) == [[1330] * 16] * 2
    assert examples_of([1330, 640, 640], 1) == [[1330], [640, 640]]


def test_a_cut_is_made_where_it_saves_more_than_it_costs():
    assert examples_of([900, 900 - MICRO_BATCH_COST - 1], 2) == [[900], [900 - MICRO_BATCH_COST - 1]]
    assert examples_of([900, 900 - MICRO_BATCH_COST + 1], 2) == [[900, 900 - MICRO_BATCH_COST + 1]]


@given(lengths=st.lists(st.integers(1, 2000), min_size=1, max_size=9), size=st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_no_other_cut_computes_less(lengths, size):
    lengths = sorted(lengths, reverse=True)
    most = size * lengths[0]

    def cost(parts):
        fits = all(len(part) == 1 or len(part) * part[0] <= most for part in parts)
        return sum(len(part) * part[0] + MICRO_BATCH_COST for part in parts) if fits else float("inf")

    def every_cut(rest):
        yield [rest]
        for place in range(1, len(rest)):
            yield from ([rest[:place], *others] for others in every_cut(rest[place:]))

    found = examples_of(lengths, size)
    assert [length for part in found for length in part] == lengths
    assert cost(found) == min(map(cost, every_cut(lengths)))
