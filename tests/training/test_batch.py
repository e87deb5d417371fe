"""Batches: how they are padded and cut into parts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.models.families.images import PackedImages, one_by_one
from mirror.models.llava_chat import IGNORED, Tokens
from mirror.training import batch as batches
from mirror.training.batch import GPU_COST, Batch, collate, cuts

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
