"""The counseling benchmark's own arithmetic, on one session of the pocket cast."""

import pytest

from mirror.benchmarks.busy import METHODS
from mirror.benchmarks.counseling import measure, pocket_cast
from mirror.benchmarks.counseling_report import PUBLISHED_TURNS, Measurement, table
from mirror.paths import input_path
from mirror.transcripts.profile import read_profiles


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


@pytest.mark.slow
def test_the_pocket_cast_is_measured_with_all_its_steps_and_only_compared_with_itself(capsys):
    profiles = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))
    cast = pocket_cast("base")
    steps = cast.painter.recipe.steps
    found = measure(cast, profiles[:2], 2, 2)
    assert cast.painter.recipe.steps == steps > 3
    assert (found.concurrency, found.sessions, found.turns) == (2, 2, 4)
    assert all(0 < seconds <= found.seconds / found.turns for seconds in found.stages.values())
    assert 0 < found.busy <= 1
    alone = measure(cast, profiles[:2], 1, 2)
    assert alone.transcripts == found.transcripts != measure(cast, profiles[:1], 1, 1).transcripts
    assert "turn 2 of a session" in capsys.readouterr().err  # what a run that is cut off has told
    assert "published" not in table([found], against_published=False)
