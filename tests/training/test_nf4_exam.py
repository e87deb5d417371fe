"""The exam of 4-bit trainings, `python -m tests.nf4_exam`, fails where a score is lost, and only there."""

import pytest

from pocket.llava.evaluation import Rate
from tests.nf4_exam import faults


def row(base, named, captions):
    return {"cot": "ec", "used over": base, "named": Rate(named, 100), "captions": Rate(captions, 100)}


@pytest.mark.parametrize(
    ("others", "found"),
    [
        ([row("nf4", 88, 99), row("none", 92, 95)], []),
        (
            [row("nf4", 87, 99), row("none", 90, 94)],
            ["over nf4: named is 87.0%", "over none: captions is 94"],
        ),
    ],
)
def test_more_than_two_points_are_a_fault(others, found):
    given = faults([row("none", 90, 97), *others])
    assert len(given) == len(found) and all(part in fault for part, fault in zip(found, given, strict=True))
