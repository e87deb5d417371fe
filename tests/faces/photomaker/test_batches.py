"""Batches hold all pictures in few sizes, and no way of splitting them is sooner done."""

from itertools import combinations_with_replacement

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.faces.photomaker.batches import attempts_in_a_batch, batches, cost, sizes_for, sizes_up_to

EIGHT = sizes_up_to(8)


@pytest.mark.parametrize("largest, sizes", [(1, (1,)), (2, (1, 2)), (6, (1, 2, 4, 6)), (8, (1, 2, 4, 8))])
def test_sizes_are_powers_of_two_and_the_largest(largest, sizes):
    assert sizes_up_to(largest) == sizes


@pytest.mark.parametrize(
    "count, made", [(0, ()), (1, (1,)), (3, (2, 1)), (5, (4, 1)), (6, (4, 2)), (7, (8,)), (8, (8,)), (19, (8, 8, 2, 1))]
)
def test_what_is_too_much_is_split_before_it_is_filled_up(count, made):
    assert batches(count, EIGHT) == made


def test_a_cpu_paints_one_at_a_time():
    assert batches(3, (1,)) == (1, 1, 1)


@given(st.integers(1, 16), st.sampled_from([1, 2, 3, 6, 8]))
def test_no_other_batches_are_sooner_done(count, largest):
    sizes = sizes_up_to(largest)
    made = batches(count, sizes)
    assert sum(made) >= count and set(made) <= set(sizes)
    rest = count % largest
    ways = [way for number in range(rest + 1) for way in combinations_with_replacement(sizes, number)]
    assert cost(batches(rest, sizes)) == min(cost(way) for way in ways if sum(way) >= rest)


def test_the_sizes_that_can_come_are_compiled_and_no_others():
    assert sizes_for(1, EIGHT) == (1,) and sizes_for(3, EIGHT) == (1, 2) and sizes_for(16, EIGHT) == EIGHT
    for pictures in range(1, 20):
        assert {size for count in range(1, pictures + 1) for size in batches(count, EIGHT)} <= {
            *sizes_for(pictures, EIGHT)
        }


@pytest.mark.parametrize(
    "faces, accepted, attempts",
    [
        (1, 1.0, 1),  # every face is accepted at once
        (1, 0.3, 2),  # 0.51 faces in 2.5 units of time, against 0.3 in 1.5
        (1, 0.05, 4),  # 0.185 in 4.5, against 0.337 in 8.5
        (2, 0.05, 8),
        (8, 0.05, 8),  # the batch is full
        (12, 0.5, 12),
    ],
)
def test_so_many_attempts_find_most_faces_per_second(faces, accepted, attempts):
    assert attempts_in_a_batch(faces, accepted, EIGHT) == attempts


@given(st.integers(1, 9), st.floats(0.01, 1))
def test_a_batch_that_is_filled_up_anyway_holds_attempts_instead_of_copies(faces, accepted):
    count = attempts_in_a_batch(faces, accepted, EIGHT)
    assert count >= faces and (count <= 8 or count == faces)
    if accepted < 1 and faces == 7:
        assert count == 8


def test_a_painter_without_batches_paints_no_attempt_ahead():
    assert attempts_in_a_batch(1, 0.01, (1,)) == 1
