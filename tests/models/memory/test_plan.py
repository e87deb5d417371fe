"""Plans of memory in small numbers: who rests, what is needed, and what a refusal advises."""

import pytest

from mirror.models.memory import plan as plans
from mirror.models.memory.plan import RESTING, DoesNotFit, Part, choose, require, shown

GB = 10**9
COUNSELOR = Part("counselor", 14 * GB, cache=2 * GB, work=GB)
PAINTER = Part("painter", 8 * GB, work=4 * GB)
FILTERS = Part("filters", GB)
PARTS = (COUNSELOR, PAINTER, FILTERS)
# Beside the models: 1 GB of libraries. The cache, 2 GB, and the filters, 1 GB, always stay.
NEEDED = {
    "none": 1 + 2 + 1 + 15 + 12,
    "counselor": 1 + 2 + 1 + 12 + 15,
    "painter": 1 + 2 + 1 + 15 + 12,
    "all": 1 + 2 + 1 + 15,
}


def made(offload="auto", available=1000, host=1000, device="GPU", parts=PARTS):
    return choose(parts, offload, device, available * GB, host * GB)


@pytest.mark.parametrize("offload", RESTING)
def test_a_turn_needs_what_stays_and_the_largest_of_what_takes_turns(offload):
    assert made(offload).needed == NEEDED[offload] * GB


def test_of_three_that_take_turns_the_largest_counts():
    parts = (*PARTS, Part("describer", 16 * GB, cache=GB))
    assert made("all", parts=parts).needed == (1 + 2 + 1 + 1 + 16) * GB
    assert made("all", parts=parts).kept == (14 + 8 + 16) * GB
    assert made("counselor", parts=parts).resting == {"counselor"}


@pytest.mark.parametrize(("available", "chosen"), [(31, "none"), (30, "all"), (19, "all"), (18, "all")])
def test_auto_moves_no_more_than_it_must(available, chosen):
    found = made(available=available)
    assert found.offload == chosen and found.fits == (available >= 19)


def test_one_model_at_rest_is_enough_where_the_other_is_small():
    parts = (COUNSELOR, Part("painter", 8 * GB), Part("describer", 5 * GB))
    assert made(available=31, parts=parts).offload == "none"
    parts = (COUNSELOR, Part("describer", 16 * GB, work=3 * GB))
    found = made(available=21, parts=parts)
    assert (found.offload, found.fits, found.needed) == ("all", False, 22 * GB)


def test_a_cpu_is_never_refused_and_offloads_nothing_by_itself():
    found = made(available=1, device="cpu")
    assert found.fits and found.offload == "none" and found.needed == (31 - 1) * GB


def test_weights_at_rest_must_fit_the_machine():
    assert made(available=19, host=22).fits and not made(available=19, host=21).fits


def test_the_table_says_who_rests_and_what_there_is():
    found = made(available=24, parts=(COUNSELOR, PAINTER, Part("filters", None)))
    rows = {row[0]: row[1:] for row in found.table().itertuples(index=False, name=None)}
    assert rows["counselor"] == ("14.0 GB", "2.0 GB", "1.0 GB", "17.0 GB", "14.0 GB")
    assert rows["painter"] == ("8.0 GB", "", "4.0 GB", "12.0 GB", "8.0 GB")
    assert rows["filters"] == ("not known yet", "", "", "", "")
    assert rows["libraries"] == ("", "", "", "1.0 GB", "")
    assert rows["needed at a time, with offload all"] == ("", "", "", "18.0 GB", "22.0 GB")
    assert rows["there is (GPU)"] == ("", "", "", "24.0 GB", "1000.0 GB") and len(rows) == 6
    told = "needs about 18.0 GB of 24.0 GB (GPU), offload all, 22.0 GB in CPU memory; filters: not downloaded yet"
    assert found.sentence().startswith(told) and found.unknown == ["filters"]


def test_what_does_not_fit_is_told_the_first_change_that_does():
    tight = made("none", available=24)
    assert require(made(available=24), []).offload == "all"
    small = made(available=24)
    smaller = [({"paint_batch": 2}, tight), ({"paint_batch": 1}, small), ({"concurrency": 1}, small)]
    with pytest.raises(DoesNotFit) as error:
        require(tight, iter(smaller))
    message = str(error.value)
    assert "needs about 31.0 GB of 24.0 GB (GPU), offload none" in message
    assert "counselor 14.0 GB + 3.0 GB, painter 8.0 GB + 4.0 GB, filters 1.0 GB + 0" in message
    assert message.endswith("with paint_batch 1, offload all it needs 19.0 GB and fits")


def test_what_fits_in_no_way_is_told_so():
    with pytest.raises(DoesNotFit, match="no smaller batch and no offload fits; use a larger or an idle GPU"):
        require(made(available=10), [({"paint_batch": 1}, made(available=10))])


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, "not known yet"), (0, ""), (5, "0.1 MB"), (2_340_000, "2.3 MB"), (14_130_000_000, "14.1 GB")],
)
def test_sizes_for_reading(size, text):
    assert shown(size) == text


def test_every_choice_of_the_setting_is_a_plan():
    assert set(RESTING) | {"auto"} == set(plans.Offload.__args__)
