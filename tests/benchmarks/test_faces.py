"""The face benchmark's own arithmetic; it measures on a GPU only."""

from mirror.benchmarks.faces import FAST, RECIPE, WAYS, Measurement, requests, table
from mirror.faces.clip_text import split_at_trigger


def test_ratios_are_to_the_stock_pipeline_at_batch_1():
    stock = [Measurement(WAYS[0].name, batch, seconds, 10.4, 2.0) for batch, seconds in ((1, 4.0), (4, 2.0), (8, 1.6))]
    ours = [Measurement("ours", batch, seconds, 20.0, 40.0) for batch, seconds in ((1, 2.0), (4, 1.0), (8, 0.8))]
    rows = table(stock + ours).splitlines()
    assert rows[2] == "| stock pipeline | 4.00 (1.00), 10 GB, 2 s | 2.00 (2.00), 10 GB, 2 s | 1.60 (2.50), 10 GB, 2 s |"
    assert rows[3] == "| ours | 2.00 (2.00), 20 GB, 40 s | 1.00 (4.00), 20 GB, 40 s | 0.80 (5.00), 20 GB, 40 s |"


def test_the_ways_differ_in_speed_settings_only_but_for_the_one_that_says_so():
    assert not WAYS[0].recorded and WAYS[0].compiled == "none"
    assert (RECIPE.steps, RECIPE.guidance_scale, RECIPE.size, RECIPE.scheduler) == (50, 5.0, 1024, "ddim")
    assert [way.name for way in WAYS if way.fast] == [WAYS[-1].name]
    assert FAST.steps == 25 and "25 steps" in WAYS[-1].name


def test_the_requests_can_be_painted():
    assert len({request.seed for request in requests(8)}) == 8
    assert all(split_at_trigger(request.prompt)[0] == "a man" for request in requests(8))
