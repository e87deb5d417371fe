"""Attempts that were not painted."""

from mirror.painting.attempts import AttemptRecord
from mirror.transcripts.verdict import Verdict
from tests.painted_comparisons import check


def record(number, outcome="another_person", score=None, **changes):
    """An attempt of client 60 with the expression sad; `score` is that of the identity filter."""
    checks = () if score is None else (check("same_person", score),)
    values = {"painter": "slow", "client": "60", "expression": "sad", "seed": number, "digest": "d", "seconds": 1.0}
    return AttemptRecord(number=number, verdict=Verdict(outcome=outcome, checks=checks), **values | changes)
