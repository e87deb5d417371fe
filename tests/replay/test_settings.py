"""The parameters of a replay: what they leave to the configuration, and which are refused."""

import pytest

from mirror.settings.errors import SettingsError
from tests.donors import write_donors
from tests.replays import endpoint_configuration, settings

CONFLICTS = {
    "two sources": (
        {"from_run": "a", "table": "b.csv"},
        "name what is replayed, a table or a run (from_run), found both",
    ),
    "column": ({"columns": "wrods=said"}, "columns: unknown field 'wrods'; did you mean words?"),
    "speaker": ({"speakers": "therapy=doctor"}, "speakers: unknown field 'therapy'"),
    "calm": ({"face": "neutral"}, "a table has no portraits"),
    "swapped": ({"face": "swapped"}, "faces_from names no run"),
    "own": ({"from_run": "a", "run": "a"}, "from_run is this run"),
    "budget": ({"budget_tokens": 5}, "budget_tokens counts models behind endpoints, and no role uses one"),
}


@pytest.mark.parametrize(("changes", "fault"), CONFLICTS.values(), ids=CONFLICTS)
def test_a_conflict_is_refused(changes, fault):
    with pytest.raises(SettingsError) as told:
        settings(check_files=False, **changes)
    assert fault in str(told.value)


MISSING = {
    "configuration": ({"configuration": "params/counsel/none.yaml"}, "configuration: no such file"),
    "run": ({"from_run": "none"}, "from_run: no such folder"),
    "table": ({"table": "none.csv"}, "table: no such file"),
    "pictures": ({"pictures": "none"}, "pictures: no such folder"),
    "donor": ({"face": "swapped", "faces_from": "none"}, "faces_from: no such folder"),
    "checkpoint": ({"configuration": "params/counsel/pocket-ec.yaml"}, "checkpoint: no such folder"),
}


@pytest.mark.parametrize(("changes", "fault"), MISSING.values(), ids=MISSING)
def test_what_is_not_there_is_refused(changes, fault, output):
    with pytest.raises(SettingsError) as told:
        settings(**changes)
    assert fault in str(told.value)


def test_the_defaults_need_no_checkpoint_and_no_key(output, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    found = settings()
    assert found.table == "pocket/recordings/utterances.csv" and found.run == "replay-pocket-llava"
    assert settings(check_files=False, from_run="a").table == ""


def test_swapped_faces_are_those_of_the_run_itself(output):
    write_donors(output / "results/a")
    found = settings(from_run="a", face="swapped")
    assert found.donor == found.counsel.faces_from == "a" and settings(from_run="a").counsel.faces_from == ""


def test_the_configuration_gives_the_counselor_and_nobody_else(tmp_path):
    path = endpoint_configuration(
        tmp_path, "http://127.0.0.1:9/v1", client="openai", client_model="costs", cot="planning"
    )
    found = settings(check_files=False, configuration=path, seed=7, concurrency=3)
    assert found.counsel.models == {"counselor": "some-model"}
    assert (found.counsel.seed, found.counsel.concurrency, found.counsel.waves) == (7, 3, 1)
    recorded = found.recorded
    assert recorded["client"] == "recorded" and recorded["cot"] == "planning" and recorded["size"] == "pocket"
    assert recorded["history"] == "recorded" and "painter" not in recorded
