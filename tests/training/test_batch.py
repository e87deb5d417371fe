"""Batches: how they are padded and cut into parts."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.models.families.images import PackedImages, one_by_one
from mirror.models.llava_chat import IGNORED, Tokens
from mirror.training import batch as batches
from mirror.training.batch import GPU_COST, Batch, collate, cuts, even_cuts

LENGTHS = (4, 9, 6, 7)  # positions of four examples, of which the last two have the loss


@pytest.fixture
def batch():
    tokens = [Tokens([*range(1, n + 1)], [IGNORED] * (n - 2) + [n - 1, n]) for n in LENGTHS]
    pixel_values = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    return collate(tokens, one_by_one(pixel_values), pad_token_id=0)


def test_a_batch_holds_the_longest_first_with_their_pictures_and_padding_on_the_right(batch):
    assert batch.lengths() == [9, 7, 6, 4] and len(batch) == 4
    assert batch.pixel_values[:, 0, 0, 0].tolist() == [1, 3, 2, 0]
    assert batch.input_ids[1].tolist() == [1, 2, 3, 4, 5, 6, 7, 0, 0]
    assert batch.labels[1].tolist() == [IGNORED] * 5 + [6, 7] + [IGNORED] * 2
    assert batch.answer_tokens() == 8


def test_the_first_position_is_never_predicted_and_has_no_loss():
    labels = torch.tensor([[5, 6, IGNORED], [IGNORED, IGNORED, 7]])
    batch = Batch(torch.ones(2, 3, dtype=int), labels, PackedImages.pack(one_by_one(torch.zeros(2, 3, 2, 2))))
    assert batch.answer_tokens() == 2 and batch.lengths() == [2, 3]


def test_lengths_are_rounded_up_to_a_step_and_the_rest_is_without_loss(batch):
    (part,) = batch.split(4, torch.device("cpu"), length_step=8)
    assert part.input_ids.shape == part.labels.shape == (4, 16)
    assert part.input_ids[0].tolist() == [*range(1, 10), *[0] * 7]
    assert part.answer_tokens() == batch.answer_tokens() and part.lengths() == [9, 7, 6, 4]


def test_split_cuts_each_part_to_its_longest_example(batch, monkeypatch):
    monkeypatch.setattr(batches, "CPU_COST", 1)
    parts = list(batch.split(4, torch.device("cpu")))
    lengths = [part.input_ids.shape[1] for part in parts]
    assert lengths[0] == batch.input_ids.shape[1] and lengths == sorted(set(lengths), reverse=True)
    assert lengths == [max(part.lengths()) for part in parts]
    assert sum(part.answer_tokens() for part in parts) == batch.answer_tokens()
    assert sum(map(len, parts)) == len(batch)


def examples_of(lengths, size, cost=GPU_COST):
    return [lengths[part] for part in cuts(lengths, size, cost)]


def test_captions_and_replies_are_cut_apart_and_more_captions_fit():
    replies, captions = [1330] * 16, [640] * 16
    assert examples_of(replies + captions, 8) == [replies[:8], replies[8:], captions]
    assert examples_of(replies + captions, 16) == [replies, captions]
    assert examples_of([1330] * 32, 16) == [[1330] * 16] * 2
    assert examples_of([1330, 640, 640], 1) == [[1330], [640, 640]]


def test_a_cut_is_made_where_it_saves_more_than_it_costs():
    for cost in (64, 512):
        assert examples_of([900, 900 - cost - 1], 2, cost) == [[900], [900 - cost - 1]]
        assert examples_of([900, 900 - cost + 1], 2, cost) == [[900, 900 - cost + 1]]


def test_a_cpu_cuts_where_another_device_would_rather_pad():
    tokens = [Tokens([1] * n, [IGNORED] * (n - 1) + [1]) for n in (300, 200)]
    both = collate(tokens, one_by_one(torch.zeros(2, 3, 2, 2)), pad_token_id=0)
    assert [len(part) for part in both.split(2, torch.device("cpu"))] == [1, 1]
    assert [len(part) for part in both.split(2, torch.device("meta"))] == [2]


@given(
    lengths=st.lists(st.integers(1, 2000), min_size=1, max_size=9),
    size=st.integers(1, 9),
    cost_of_a_part=st.sampled_from([0, 64, 512]),
)
@settings(max_examples=100, deadline=None)
def test_no_other_cut_computes_less(lengths, size, cost_of_a_part):
    lengths = sorted(lengths, reverse=True)
    most = size * lengths[0]

    def cost(parts):
        fits = all(len(part) == 1 or len(part) * part[0] <= most for part in parts)
        return sum(len(part) * part[0] + cost_of_a_part for part in parts) if fits else float("inf")

    def every_cut(rest):
        yield [rest]
        for place in range(1, len(rest)):
            yield from ([rest[:place], *others] for others in every_cut(rest[place:]))

    found = examples_of(lengths, size, cost_of_a_part)
    assert [length for part in found for length in part] == lengths
    assert cost(found) == min(map(cost, every_cut(lengths)))


def test_an_empty_batch_has_no_parts_and_no_answers():
    assert len(Batch.empty()) == Batch.empty().answer_tokens() == 0
    assert list(Batch.empty().split(4, torch.device("cpu"))) == []


def test_the_costs_of_the_first_examples_are_those_of_their_cuts():
    costs = list(batches.prefix_costs((9, 9, 2, 2), 2, 3))
    assert [cost for cost, _ in costs] == [0, 12, 21, 26, 28]
    assert [start for _, start in costs] == [0, 0, 0, 2, 2]


def test_a_packed_row_holds_the_examples_without_their_padding(batch):
    row = batch.packed(8)
    assert row.input_ids.tolist() == [[*range(1, 10), *range(1, 8), *range(1, 7), *range(1, 5), *[0] * 6]]
    assert row.row.tolist() == [9, 7, 6, 10] and row.images is batch.images
    places, targets = row.predictions()
    assert row.input_ids[0, places + 1].tolist() == targets.tolist() == [8, 9, 6, 7, 5, 6, 3, 4]
    assert batch.predictions()[1].tolist() == targets.tolist()


def test_an_example_does_not_predict_the_one_after_it():
    labels = torch.tensor([[IGNORED, 5, 6], [7, 8, IGNORED]])
    batch = Batch(labels.clamp(min=0), labels, PackedImages.pack(one_by_one(torch.zeros(2, 3, 2, 2))))
    row = batch.packed(1)
    assert row.labels.tolist() == [[IGNORED, 5, 6, IGNORED, 8]] and row.answer_tokens() == batch.answer_tokens() == 3


def test_packs_are_rows_and_examples_of_one_length_stay_as_they_are():
    tokens = [Tokens([1] * n, [IGNORED] * (n - 1) + [1]) for n in (40, 30, 20, 20, 20, 10)]
    batch = collate(tokens, one_by_one(torch.zeros(6, 3, 2, 2)), pad_token_id=0)
    found = [(list(part.input_ids.shape), part.row) for part in batch.packs(2, row_step=32, length_step=8)]
    assert found[0][0] == [1, 96] and found[0][1].tolist() == [40, 56]
    assert found[1][0] == [1, 96] and found[1][1].tolist() == [20, 20, 20, 36]
    alone = collate(tokens[2:5], one_by_one(torch.zeros(3, 3, 2, 2)), pad_token_id=0)
    (part,) = alone.packs(4, row_step=32, length_step=8)
    assert part.row is None and list(part.input_ids.shape) == [3, 24]


@given(st.lists(st.integers(1, 40), max_size=8), st.integers(1, 100))
def test_even_cuts_are_the_fewest_and_then_the_most_even(lengths, most):
    most = max([most, *lengths])
    parts = even_cuts(lengths, most)
    assert [i for part in parts for i in range(len(lengths))[part]] == list(range(len(lengths)))
    largest = max((sum(lengths[part]) for part in parts), default=0)
    assert largest <= most
    for cut in every_cut(len(lengths)):
        sizes = [sum(lengths[part]) for part in cut]
        if max(sizes, default=0) <= most:
            assert len(parts) < len(cut) or (len(parts) == len(cut) and largest <= max(sizes, default=0))


def every_cut(count):
    """All ways to cut so many examples into consecutive parts."""
    for ends in range(2 ** max(0, count - 1)):
        places = [0, *(place for place in range(1, count) if ends >> (place - 1) & 1), count]
        yield [slice(a, b) for a, b in pairwise(places) if a < b]
