"""The arithmetic of the counseling benchmark's tables."""

import pytest

from mirror.benchmarks.busy import METHODS
from mirror.benchmarks.counseling_report import PUBLISHED_TURNS, Measurement, table


def measurement(concurrency: int, seconds: float) -> Measurement:
    stages = dict(zip(METHODS, (0.1, 0.2, 0.3, 0.15, 0.4), strict=True))
    return Measurement(concurrency, 1, 4, 10, seconds, stages, 0.93, 1.5, 64.0, 30.0, 66.4, "hash")


def test_ratios_are_to_the_first_concurrency_and_to_the_published_times():
    slow, fast = measurement(1, 64.8), measurement(16, 16.2)
    rows = table([slow, fast], against_published=True).splitlines()
    assert rows[2] == "| 1 | 4 sessions, 10 turns, 64.8 s | 222 | 556 (1.00) | 1.00 | 30 s | 66 GB |"
    assert rows[3] == "| 16 | 4 sessions, 10 turns, 16.2 s | 889 | 2222 (4.00) | 4.00 | 30 s | 66 GB |"
    assert rows[7:] == [
        "| 1 | 6.480 | 0.100 | 0.200 | 0.300 | 0.150 | 0.400 | 93% | 1.5 | 64 |",
        "| 16 | 1.620 | 0.100 | 0.200 | 0.300 | 0.150 | 0.400 | 93% | 1.5 | 64 |",
    ]
    assert pytest.approx(3600 / 6.48) == PUBLISHED_TURNS
