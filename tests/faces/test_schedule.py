"""Which options of a painter go together."""

import pytest

from mirror.faces.schedule import schedule_faults


@pytest.mark.parametrize("guidance_scale", [0, 0.0, 1, 1.0, 1.001, 5.0, 100.0])
def test_guidance_is_none_or_above_1(guidance_scale):
    assert schedule_faults("euler", "trailing", 4, guidance_scale) == []


@pytest.mark.parametrize("guidance_scale", [-1.0, 0.001, 0.5, 0.999, float("nan")])
def test_guidance_that_would_be_something_else_is_refused(guidance_scale):
    (fault,) = schedule_faults("euler", "trailing", 4, guidance_scale)
    assert fault == f"guidance_scale must be 0 or 1 (no guidance), or above 1, found {guidance_scale}"


@pytest.mark.parametrize("scheduler", ["lcm", "tcd"])
def test_consistency_models_have_their_own_timesteps(scheduler):
    assert schedule_faults(scheduler, "model", 50, 0) == []
    assert schedule_faults(scheduler, "leading", 51, 0) == [
        f"spacing must be model with scheduler {scheduler}, which has its own, found leading",
        f"steps must be 50 at most with scheduler {scheduler}, found 51",
    ]
