"""Packing an effective batch into rows: every example once, no row too long, nothing predicted across examples."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.models.llava_chat import IGNORED, Tokens
from mirror.training.batch import collate, packed

CPU = torch.device("cpu")


def batch_of(*lengths):
    """Token ids tell example and place; the last two positions of each example are its answer."""
    tokens = []
    for number, length in enumerate(lengths, 1):
        ids = [100 * number + place for place in range(length)]
        tokens.append(Tokens(ids, [IGNORED] * (length - 2) + ids[-2:]))
    return collate(tokens, torch.arange(1.0, len(lengths) + 1).view(-1, 1, 1, 1), pad_token_id=0)


def test_rows_hold_the_examples_one_after_another():
    first, second = batch_of(5, 3, 4).split(2, CPU)
    assert first.input_ids.tolist() == [[100, 101, 102, 103, 104]]
    assert second.input_ids.tolist() == [[300, 301, 302, 303, 200, 201, 202]]
    assert second.position_ids.tolist() == [[0, 1, 2, 3, 0, 1, 2]]
    assert second.bounds.tolist() == [0, 4, 7] and second.bounds.dtype == torch.int32
    assert second.targets.tolist() == [302, 303, 201, 202] and second.predicting.tolist() == [1, 2, 4, 5]
    assert second.pixel_values.flatten().tolist() == [3, 2] and (len(second), second.longest) == (2, 4)


def test_a_row_is_filled_up_with_an_example_that_nothing_is_learned_from():
    (row,) = batch_of(3, 2).split(2, CPU, length_step=8)
    assert row.input_ids.tolist() == [[100, 101, 102, 200, 201, 0, 0, 0]]
    assert row.position_ids.tolist() == [[0, 1, 2, 0, 1, 0, 1, 2]] and row.bounds.tolist() == [0, 3, 5, 8]
    assert len(row) == 2 and row.targets.tolist() == [101, 102, 201]
    (full,) = batch_of(5, 3).split(2, CPU, length_step=8)
    assert full.bounds.tolist() == [0, 5, 8]


def test_the_first_position_of_an_example_is_never_predicted():
    batch = batch_of(3, 2)  # the answer of the second starts at its first position
    (row,) = batch.split(2, CPU)
    assert 200 not in row.targets.tolist() and len(row.targets) == batch.answer_tokens()


def test_rows_are_about_equally_long():
    lengths = [1400, 1390, 1380, 1300, 640, 640, 638, 636]
    found = sorted(sum(lengths[i] for i in row) for row in packed(lengths, 4))
    assert found == [3978, 4046]
    assert [len(row) for row in packed([1330] * 32, 8)] == [8] * 4
    assert packed([10, 20], 8) == [[1, 0]]


@given(lengths=st.lists(st.integers(1, 2000), min_size=1, max_size=40), size=st.integers(1, 16))
@settings(max_examples=200, deadline=None)
def test_every_example_is_in_one_row_and_no_row_is_too_long(lengths, size):
    rows = packed(lengths, size)
    assert sorted(i for row in rows for i in row) == list(range(len(lengths)))
    assert len(rows) == -(-len(lengths) // size) and all(rows)
    assert max(sum(lengths[i] for i in row) for row in rows) <= size * max(lengths)
