"""The example runs of the notebooks that rate and analyse: small, the same every time, and resumable."""

import pytest

from mirror.counseling import examples
from mirror.run_folder import read_provenance, read_settings


def test_a_number_of_runs_that_there_are_not_is_refused():
    for count in (0, 3):
        with pytest.raises(ValueError, match=f"count must be 1 to 2, found {count}"):
            examples.example_runs(count)


@pytest.mark.slow
def test_example_runs_are_complete_and_made_once(output):
    (folder,) = examples.example_runs(1)
    settings, started = read_settings(folder), read_provenance(folder)["started"]
    assert folder == output / "results/rehearsal-pocket-base"
    assert (settings["cot"], settings["sessions"], settings["max_turns"], settings["attempts"]) == ("base", 3, 3, 2)
    turns = {path: path.read_bytes() for path in folder.glob("sessions/*/turns.jsonl")}
    assert len(turns) == 3 and read_provenance(folder)["status"] == "complete"
    assert examples.example_runs(1) == [folder]
    assert {path: path.read_bytes() for path in folder.glob("sessions/*/turns.jsonl")} == turns
    assert read_provenance(folder)["started"] == started


@pytest.mark.slow
def test_the_run_to_rate_has_two_sessions_of_two_turns(output):
    folder = examples.example_run()
    assert folder == output / "results/rate-example"
    assert sorted(path.read_text().count("\n") for path in folder.glob("sessions/*/turns.jsonl")) == [2, 2]
