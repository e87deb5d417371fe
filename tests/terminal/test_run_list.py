"""The list of stages, params files and runs."""

import pytest

from mirror.run_folder import Run
from mirror.settings.params_file import read_params
from mirror.terminal.run_list import listing, runs, table
from mirror.terminal.stages import STAGES
from tests import ROOT

TRAIN = read_params(ROOT / "params/train/pocket-planning.yaml")
COUNSEL = read_params(ROOT / "params/counsel/pocket-planning.yaml")


def begun(name, settings=TRAIN, status=None, **facts):
    run = Run(name, settings, frozenset()).open()
    if status:
        run.record(status, **facts)
    return run


@pytest.mark.parametrize(
    "status, facts, state",
    [
        ("complete", {}, "complete"),
        ("stopped", {"reason": "KeyboardInterrupt: "}, "stopped: KeyboardInterrupt"),
        ("incomplete", {"stopped": "The budget is used up"}, "incomplete: The budget is used up"),
        ("running", {}, "stopped: its process ended without saying so; the same command goes on"),
        (None, {}, "stopped: its process ended without saying so; the same command goes on"),
    ],
)
def test_the_state_of_a_run_is_that_of_its_record(output, status, facts, state):
    begun("one", status=status, **facts)
    (found,) = runs()
    assert (found.name, found.stage, found.state) == ("one", "train", state)


def test_a_run_whose_process_lives_is_running(output):
    run = begun("one", status="running")
    with run.working("training"):
        (found,) = runs()
    assert found.state.startswith("running: process ") and "(training, since " in found.state


def test_a_run_that_cannot_be_read_is_told_and_hides_no_other(output):
    begun("broken").folder.joinpath("settings.yaml").write_text("- no names")
    begun("other", COUNSEL, "complete")
    found = {run.name: (run.stage, run.state.partition(":")[0]) for run in runs()}
    assert found == {"broken": ("?", "damaged"), "other": ("counsel", "complete")}


def test_the_list_shows_params_files_with_the_state_of_their_run(output):
    begun(TRAIN["run"], TRAIN, "complete")
    begun("mine", COUNSEL, "stopped", reason="x" * 200)
    lines = listing(list(STAGES.values())).splitlines()
    (file,) = [line for line in lines if "params/train/pocket-planning.yaml" in line]
    assert file.split() == ["params/train/pocket-planning.yaml", TRAIN["run"], "complete"]
    (other,) = [line for line in lines if "params/train/pocket-base.yaml" in line]
    assert other.endswith("not begun")
    assert max(map(len, lines)) < 160 and any("mine" in line and "…" in line for line in lines)


def test_the_list_of_a_stage_leaves_the_others_out(output):
    begun("mine", COUNSEL, "complete")
    text = listing([STAGES["train"]])
    assert "mine" not in text and "params/counsel" not in text and "none" in text.splitlines()[-1]


def test_columns_are_as_wide_as_they_need():
    assert table([("a", "bb", "c"), ("aaa", "b")]) == ["  a    bb  c", "  aaa  b"]
