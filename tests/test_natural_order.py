"""Names sort as people expect it: numbers by their value, and always in the same order."""

import random

from hypothesis import given
from hypothesis import strategies as st

from mirror.natural_order import natural_key


def test_numbers_sort_by_value():
    names = ["client-10", "client-9b", "client-2", "client", "client-2-no", "client-1000000000000000000000"]
    assert sorted(names, key=natural_key) == [
        "client", "client-2", "client-2-no", "client-9b", "client-10", "client-1000000000000000000000",
    ]  # fmt: skip


def test_leading_zeros_do_not_count_but_tell_names_apart():
    assert sorted(["a2", "a010", "a10", "a9"], key=natural_key) == ["a2", "a9", "a010", "a10"]
    assert sorted(["a0", "a", "a00"], key=natural_key) == ["a", "a0", "a00"]
    assert natural_key("a010") != natural_key("a10")


@given(st.integers(0), st.integers(0), st.text(st.characters(exclude_categories=["N"]), max_size=5))
def test_any_two_numbers_sort_by_value(one, other, text):
    assert (natural_key(f"{text}{one}") < natural_key(f"{text}{other}")) == (one < other)


@given(st.lists(st.text("a0129٣²-", max_size=6), unique=True))
def test_the_order_is_total(names):
    shuffled = random.Random(0).sample(names, len(names))
    assert sorted(names, key=natural_key) == sorted(shuffled, key=natural_key)
