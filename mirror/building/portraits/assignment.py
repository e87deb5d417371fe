"""Assigns persons to clients so that as many clients as possible get one of their gender and age.

Per gender a linear assignment (`scipy.optimize`) minimizes, in this order: the clients without a person, those of the
test split first; the sum of the distances between age groups; and a sum of pseudorandom numbers, one for each pair of a
client and a person. Such a number depends on the two names and the seed alone, so that another client or person changes
the choice only where the two are in each other's way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from mirror.building.portrait import Portrait
from mirror.seeds import seed_for

Matrix = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Seeker:
    """A client who needs a portrait.

    Attributes:
        key: identifies the client.
        gender: `woman` or `man`.
        age: in years; None: any age fits.
        is_test: whether the client is of the test split.
    """

    key: str
    gender: str
    age: int | None
    is_test: bool


def age_group(age: int) -> int:
    """The age rounded to tens: 30 for 25…34."""
    return (age + 5) // 10 * 10


def assign(seekers: Sequence[Seeker], portraits: Sequence[Portrait], seed: int, age_gap: int) -> Mapping[str, Portrait]:
    """Assign portraits, each to at most one client.

    Takes some 40 bytes for each pair of a client and a portrait of a gender, and a few seconds for 1,500 clients
    and 5,000 portraits. Where clients outnumber portraits it takes longer: half a minute for 6,000 and 5,000.

    Args:
        seekers: with keys that differ.
        portraits: of persons that differ.
        seed: of the choice among persons that fit equally.
        age_gap: most years between a client and their portrait. A portrait of unknown age fits only clients of unknown
            age.

    Returns:
        The portraits by the client's key; a client for whom none is left is missing.
    """
    found: dict[str, Portrait] = {}
    for gender in sorted({seeker.gender for seeker in seekers}):
        rows = sorted((one for one in seekers if one.gender == gender), key=lambda one: one.key)
        columns = sorted((one for one in portraits if one.gender == gender), key=lambda one: one.person)
        if not columns:
            continue
        distance = _distances(rows, columns, age_gap)
        fits = np.isfinite(distance)
        worst = 1 + max(distance[fits].max(initial=0), 1)
        # The random part of a whole assignment stays below one step of distance.
        cost = distance + _random(rows, columns, seed) / (len(rows) + 1)
        gain = np.array([[(2.0 if row.is_test else 1.0) * worst * (len(rows) + 1)] for row in rows])
        cost = np.where(fits, cost - gain, 0.0)
        for row, column in zip(*linear_sum_assignment(cost), strict=True):
            if fits[row, column]:
                found[rows[row].key] = columns[column]
    return found


def _distances(rows: Sequence[Seeker], columns: Sequence[Portrait], age_gap: int) -> Matrix:
    """[rows, columns]: tens of years between the age groups; infinite where the ages are too far apart or unknown."""
    wanted = np.array([[np.nan if row.age is None else row.age] for row in rows], dtype=np.float64)
    shown = np.array([np.nan if column.age is None else column.age for column in columns], dtype=np.float64)
    groups = np.abs((wanted + 5) // 10 - (shown + 5) // 10)
    distance = np.where(np.abs(wanted - shown) <= age_gap, groups, np.inf)
    return np.where(np.isnan(wanted), 0.0, distance)


def _random(rows: Sequence[Seeker], columns: Sequence[Portrait], seed: int) -> Matrix:
    """[rows, columns]: numbers in 0…1 from a hash of client, person and seed (the finalizer of SplitMix64)."""
    left = np.array([seed_for(seed, "client", row.key) for row in rows], dtype=np.uint64)
    right = np.array([seed_for(seed, "person", column.person) for column in columns], dtype=np.uint64)
    mixed = left[:, None] ^ right
    mixed ^= mixed >> np.uint64(30)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(27)
    mixed *= np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(40)) / float(1 << 24)
