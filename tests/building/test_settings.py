"""The parameters of a build: what fills what is left open, and every conflict and lack with its message."""

import importlib.util

import pytest

from mirror.building.settings import BuildSettings
from mirror.faces.settings import SERVICES
from mirror.settings.errors import SettingsError
from tests import ROOT

POCKET = ROOT / "params/build/pocket.yaml"
PROFILES = {"source": "profiles", "writer_model": "m", "writer_url": "http://127.0.0.1:1/v1"}
OWN = {"source": "runs", "runs": "results/mine"}


@pytest.fixture(autouse=True)
def no_services(monkeypatch):
    for variable in (*SERVICES.values(), "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


def settings(check_files=False, **changes):
    return BuildSettings.from_file(POCKET, check_files, **changes)


def refused(check_files=False, **changes):
    with pytest.raises(SettingsError) as error:
        settings(check_files, **changes)
    return str(error.value)


def test_the_pocket_configuration_builds_offline():
    found = settings(check_files=True)
    assert (found.describer, found.verifier, found.writer, found.models) == ("lexicon", "local", "none", {})
    assert found.share == (1, 1) and found.paints and found.reads_portraits
    assert found.kinds == ("emotional", "cognitive", "behavioral", "no")
    assert (found.text_rules.min_turns, found.text_rules.max_turns, found.text_rules.unique_words) == (4, 20, 0.5)
    assert found.portrait_tables == (ROOT / "pocket/sources/portraits.csv",)


def test_what_is_left_open_is_filled_by_the_preset(output):
    open_ = dict.fromkeys(
        ("table", "test_table", "portraits", "steps", "image_name", "run", "licences", "describer", "describer_model")
    )
    found = settings(preset="published", **open_)
    assert (found.table, found.run, found.steps) == ("data/published/mirror_data.csv", "build-published", 50)
    assert found.image_name == "turn:{turn}_{portrait}.png" and found.describer == "local"
    assert found.set_folder == output / "results/build-published/set"
    assert settings(folder="data/mine").set_folder == output / "data/mine"


def test_a_service_whose_url_is_set_goes_first(monkeypatch):
    monkeypatch.setenv("IMG_VERIFICATION_URL", "http://127.0.0.1:1")
    assert settings().verifier == "http"


@pytest.mark.parametrize(
    "changes, stages",
    [
        ({}, "texts portraits pictures set"),
        ({"stop_after": "texts"}, "texts"),
        ({"stop_after": "pictures"}, "texts portraits pictures"),
        ({"shard": "2/3"}, "texts portraits pictures"),
        ({"shard": "2/3", "stop_after": "portraits"}, "texts portraits"),
    ],
)
def test_a_build_goes_as_far_as_is_asked_for(changes, stages):
    found = settings(**changes)
    assert [one for one in ("texts", "portraits", "pictures", "set") if found.goes_on_to(one)] == stages.split()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"shard": "3/2"}, "shard must be one share of all, such as 2/8, found 3/2"),
        ({"shard": "0/2"}, "shard must"),
        ({"source": "runs"}, "runs must name folders of counseling runs where source is runs, found the empty text"),
        ({"runs": "results/a"}, "runs and accept are for source runs; leave them empty for source table"),
        ({"accept": "names >= 0.8"}, "runs and accept are for source runs"),
        (OWN | {"accept": "luck > 1"}, "accept: 'luck' is neither a measure nor a rating"),
        ({"min_turns": 9, "max_turns": 8}, "min_turns must not be above max_turns, found 9 and 8"),
        ({"text_safety": "classifier"}, "text_safety is classifier, and text_safety_model is empty"),
        ({"text_safety": "classifier", "text_safety_model": "m"}, "unsafe_labels is empty"),
        ({"parts_of_speech": "none"}, "equal_parts_of_speech needs a tagger (parts_of_speech), or set it to 0"),
        ({"parts_of_speech": "abacus"}, "parts_of_speech: "),
        ({"folder": "results/build-pocket/mine"}, "folder must lie outside of the run"),
        ({"columns": "dialog=x"}, "columns: unknown field 'dialog'; did you mean dialogue?"),
        ({"portrait_columns": "face=x"}, "portrait_columns: unknown field 'face'"),
        ({"resistances": "stubborn"}, "resistances: "),
        ({"image_name": "face.png"}, "image_name: must contain {turn}"),
        ({"prices": "m 1/2"}, "prices names m, which no role uses"),
        ({"prices": "m"}, "prices: 'm' is no price"),
        (PROFILES | {"writer_model": ""}, "writer_model must name a model where writer is openai"),
        ({"describer": "local"}, "describer_model must name a model where describer is local"),
        ({"device": "cpu", "precision": "bf16"}, "precision bf16 is for a GPU"),
        ({"unique_words": 1.5}, "unique_words must be"),
        ({"seed": -1}, "seed must be"),
        ({"source": "web"}, "source must be"),
        ({"preset": "huge"}, "preset must be"),
        ({"run": "a/b"}, "run must"),
    ],
)
def test_a_conflict_is_named(changes, message):
    assert message in refused(**changes)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"table": "data/none.csv"}, "table: no such file"),
        ({"test_table": "data/none.csv"}, "test_table: no such file"),
        ({"portrait_table": "none.csv;pocket/sources/portraits.csv"}, "portrait_table: no such file"),
        ({"portraits": "data/none"}, "portraits: no such folder"),
        ({"prompts": "none.json"}, "prompts: "),
        ({"text_safety": "classifier", "text_safety_model": "./none", "unsafe_labels": "a"}, "text_safety_model"),
        ({"painter": "./none"}, "painter"),
        ({"face_pack": "./none"}, "face_pack: no such folder"),
        ({"verifier": "http"}, "verifier is http, and IMG_VERIFICATION_URL is not set"),
        (PROFILES | {"writer_url": ""}, "writer is openai, and OPENAI_API_KEY is not set"),
        ({"describer": "openai", "describer_model": "m"}, "describer is openai, and OPENAI_API_KEY is not set"),
    ],
)
def test_what_is_missing_is_named(changes, message):
    assert message in refused(check_files=True, **changes)


def test_all_faults_come_at_once():
    message = refused(shard="3/2", min_turns=9, max_turns=8, columns="x")
    assert all(part in message for part in ("shard", "min_turns", "columns"))


def test_only_what_a_build_reaches_must_be_there():
    later = {"portraits": "none", "painter": "./none", "face_pack": "none", "portrait_table": "none.csv"}
    settings(check_files=True, stop_after="texts", **later)
    settings(check_files=True, **OWN, **later | {"test_table": ""})
    found = settings(**OWN, describer="openai", describer_model="m")
    assert found.models == {} and not found.paints


def test_portraits_are_tried_in_proportion_to_the_clients():
    assert settings().most_portraits(10) == 140


def test_workers_are_of_the_machine_and_need_ray(monkeypatch):
    assert {"workers", "ray_address"} <= BuildSettings.MACHINE
    assert "workers is 1, which uses no cluster" in refused(ray_address="auto")
    assert "each with a GPU; use cuda or auto" in refused(workers=2, device="cuda:1")
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else found(name))
    assert "workers above 1 need Ray" in refused(check_files=True, workers=2)
