"""Portraits: families and seeds share no people."""

from pocket.pictures.portraits import identity_of


def test_families_and_seeds_are_of_different_people():
    people = [identity_of(family, seed, n) for family in ("learn", "exam") for seed in (1, 2) for n in range(50)]
    assert len(set(people)) == 200
