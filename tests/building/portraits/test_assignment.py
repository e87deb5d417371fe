"""Assigning persons to clients, next to every assignment that there is."""

from itertools import permutations
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mirror.building.portrait import Portrait
from mirror.building.portraits.assignment import Seeker, age_group, assign

GAP = 10
AGES = st.none() | st.sampled_from([20, 26, 33, 41, 50])
SEEKERS = st.lists(st.builds(Seeker, st.just(""), st.sampled_from(["woman", "man"]), AGES, st.booleans()), max_size=4)
PEOPLE = st.lists(st.tuples(st.sampled_from(["woman", "man"]), AGES), max_size=4)


def seeker(key, age=30, gender="woman", is_test=False):
    return Seeker(key, gender, age, is_test)


def portrait(person, age=30, gender="woman"):
    return Portrait(person, (Path(f"{person}.png"),), person, gender, age)


def persons(found):
    return {key: one.person for key, one in found.items()}


def fits(one, other):
    if one.gender != other.gender:
        return False
    return one.age is None or (other.age is not None and abs(one.age - other.age) <= GAP)


def distance(one, other):
    return 0 if one.age is None else abs(age_group(one.age) - age_group(other.age))


def value(pairs):
    """What is wanted in this order: clients of the test split, clients, and groups of ages that are near."""
    tests = sum(one.is_test for one, _ in pairs)
    return (tests + len(pairs), -sum(distance(*pair) for pair in pairs))


def test_ages_are_rounded_to_tens():
    assert [age_group(age) for age in (0, 4, 5, 24, 25, 34, 35, 100)] == [0, 0, 10, 20, 30, 30, 40, 100]


@settings(max_examples=60, deadline=None)
@given(SEEKERS, PEOPLE, st.integers(0, 99))
def test_no_other_assignment_serves_more_clients_or_nearer_ages(seekers, people, seed):
    seekers = [Seeker(str(n), one.gender, one.age, one.is_test) for n, one in enumerate(seekers)]
    portraits = [portrait(str(n), age, gender) for n, (gender, age) in enumerate(people)]
    found = assign(seekers, portraits, seed, GAP)
    pairs = [(one, found[one.key]) for one in seekers if one.key in found]
    assert all(fits(*pair) for pair in pairs)
    assert len({other.person for _, other in pairs}) == len(pairs)
    padded = [*portraits, *[None] * len(seekers)]
    others = (
        [pair for pair in zip(seekers, order, strict=False) if pair[1] is not None and fits(*pair)]
        for order in set(permutations(padded, len(seekers)))
    )
    assert value(pairs) == max(map(value, others))


def test_a_client_of_the_test_split_comes_first():
    found = assign([seeker("a"), seeker("b", is_test=True)], [portrait("x")], 0, GAP)
    assert persons(found) == {"b": "x"}


def test_an_unknown_age_of_a_portrait_fits_only_an_unknown_age():
    people = [portrait("x", None)]
    assert persons(assign([seeker("a")], people, 0, GAP)) == {}
    assert persons(assign([seeker("a", None)], people, 0, GAP)) == {"a": "x"}


def test_the_gap_is_in_years_and_included():
    assert assign([seeker("a", 30)], [portrait("x", 40)], 0, 10)
    assert not assign([seeker("a", 30)], [portrait("x", 40)], 0, 9)


def test_names_and_seed_decide_among_persons_that_fit_equally_and_no_order_does():
    seekers, people = [seeker(str(n)) for n in range(6)], [portrait(str(n)) for n in range(6)]
    found = persons(assign(seekers, people, 1, GAP))
    assert persons(assign(seekers[::-1], people[::-1], 1, GAP)) == found
    assert any(persons(assign(seekers, people, seed, GAP)) != found for seed in (2, 3))


def test_nobody_gets_nothing():
    assert assign([], [portrait("x")], 0, GAP) == {} == assign([seeker("a")], [], 0, GAP)
