"""Who rates what: every session is rated as asked, under codes that tell nothing."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.rating.forms.assignment import ALPHABET, AssignmentError, assign

SESSIONS = [(run, str(idx)) for run in ("a", "b") for idx in range(60, 70)]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 12), st.integers(1, 3), st.integers(1, 4), st.integers(0, 12), st.integers(0, 2**32))
def test_shared_clients_are_rated_by_all_and_the_others_by_one(clients, runs, raters, overlap, seed):
    overlap = min(overlap, clients)
    if overlap == 0 and raters > clients:
        return
    sessions = [(f"run {run}", str(idx)) for run in range(runs) for idx in range(clients)]
    names = [f"r{number}" for number in range(raters)]
    found = assign(sessions, names, overlap, seed)
    by_code = {code: session for session, code in found.codes.items()}
    assert len(by_code) == len(sessions) and set().union(*map(set, by_code)) <= set(ALPHABET)
    rated = Counter(by_code[code] for order in found.orders.values() for code in order)
    assert Counter(rated.values()) == Counter([raters] * (overlap * runs) + [1] * ((clients - overlap) * runs))
    for order in found.orders.values():
        of_clients = Counter(by_code[code][1] for code in order)
        assert set(of_clients.values()) <= {runs}  # a client's sessions in all runs have the same rater
    sizes = [len(order) for order in found.orders.values()]
    assert max(sizes) - min(sizes) <= runs


def test_the_assignment_is_reproducible_and_each_rater_has_an_order():
    one, again, other = (assign(SESSIONS, ["anna", "ben"], None, seed) for seed in (1, 1, 2))
    assert one == again and one.codes != other.codes
    assert one.orders["anna"] != one.orders["ben"] and set(one.orders["anna"]) == set(one.orders["ben"])
    assert assign(SESSIONS[::-1], ["anna", "ben"], None, 1) == one


def test_codes_do_not_follow_the_order_of_sessions():
    codes = [code for _, code in sorted(assign(SESSIONS, ["anna"], None, 3).codes.items())]
    assert codes != sorted(codes) and all(len(code) == 4 for code in codes)


@pytest.mark.parametrize(
    "raters, overlap, message",
    [
        (["anna", "anna"], None, "rater anna is named twice"),
        (["Anna B"], None, "rater 'Anna B': an id has"),
        (["anna"], 11, "overlap is 11, and there are 10 clients; use at most 10"),
        ([f"r{number}" for number in range(11)], 0, "r10 would rate nothing"),
    ],
)
def test_what_cannot_be_assigned_is_said(raters, overlap, message):
    with pytest.raises(AssignmentError, match=message):
        assign(SESSIONS, raters, overlap, 1)
