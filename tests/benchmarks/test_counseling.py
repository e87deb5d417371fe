"""The counseling benchmark's own arithmetic, on one session of the pocket cast."""

import pytest

from mirror.benchmarks.counseling import measure, pocket_cast
from mirror.benchmarks.counseling_report import table
from mirror.paths import input_path
from mirror.transcripts.profile import read_profiles


@pytest.mark.slow
@pytest.mark.proof
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
