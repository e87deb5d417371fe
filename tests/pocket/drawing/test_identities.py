"""Identities: no two people are alike."""

from pocket.drawing.identities import Identity


def test_no_two_of_a_thousand_persons_are_alike():
    assert len({Identity.from_seed(seed) for seed in range(1000)}) == 1000
