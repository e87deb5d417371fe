"""Keys, services, packs and data, with each broken in turn."""

import pytest

from mirror.terminal.doctor import access
from mirror.terminal.doctor.targets import TARGETS
from tests import ROOT
from tests.servers import ScriptedDescriber, description_service

SECRET = "sk-not-to-be-shown-0123456789"


@pytest.fixture
def settings(monkeypatch):
    """Of the published counseling, in an environment without keys and services."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MIRROR_SERVICE_TOKEN", *access.SERVICES):
        monkeypatch.delenv(name, raising=False)
    return TARGETS["80gb"].counseling


def one(checks):
    (check,) = [check for check in checks if not check.is_met]
    return check


def test_a_key_that_is_not_set_is_asked_for_by_its_role(settings):
    check = one(access.keys(settings))
    assert check.needed == "client gpt-4o-mini" and check.mend.startswith("export OPENAI_API_KEY=")


@pytest.mark.parametrize(
    "variable, value", [("OPENAI_API_KEY", SECRET), ("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")]
)
def test_a_key_or_a_server_is_enough_and_is_not_shown(settings, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    (check,) = access.keys(settings)
    assert check.is_met and value not in str(check)


def test_a_key_that_cannot_be_sent_is_told_without_its_value(settings, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET} and more")
    check = one(access.keys(settings))
    assert "must be one word" in check.mend and SECRET not in str(check)


def test_who_asks_no_endpoint_needs_no_key(settings):
    assert list(access.keys(TARGETS["laptop"].counseling)) == []
    assert list(access.keys(settings.model_copy(update={"client_url": "http://127.0.0.1:8000/v1"}))) == []


def test_services_that_are_not_set_are_no_fault(settings):
    assert all(check.is_met for check in access.services())


def test_a_service_that_does_not_answer_is_told_with_its_command(settings, monkeypatch):
    monkeypatch.setenv("IMG_VERIFICATION_URL", "http://127.0.0.1:9")
    check = one(access.services())
    assert check.found.startswith("no answer") and "python -m api.verification" in check.mend


def test_a_service_that_answers_is_there(settings, monkeypatch):
    with description_service(ScriptedDescriber()) as url:
        monkeypatch.setenv("IMG_DESCRIPTION_URL", url)
        found = {check.name: check for check in access.services()}
    assert found["IMG_DESCRIPTION_URL"].found == "answers 200" and found["IMG_DESCRIPTION_URL"].is_met


def test_an_address_with_a_secret_is_not_shown(settings, monkeypatch):
    monkeypatch.setenv("IMG_DESCRIPTION_URL", f"http://user:{SECRET}@host")
    check = one(access.services())
    assert check.found == "cannot be used" and SECRET not in str(check)


def test_a_pack_needs_its_files_and_a_threshold(settings, tmp_path):
    settings = settings.model_copy(update={"face_pack": str(tmp_path)})
    assert "model zoo" in one(access.pack(settings)).mend
    (tmp_path / "w600k_r50.onnx").touch()
    assert "python -m mirror.faces.calibration" in one(access.pack(settings)).mend
    assert all(check.is_met for check in access.pack(settings.model_copy(update={"identity_threshold": 0.3})))
    (tmp_path / "calibration.json").touch()
    assert all(check.is_met for check in access.pack(settings))


def test_data_that_is_not_there_is_told_by_its_parameter(settings, monkeypatch):
    changes = {"data": str(ROOT / "nowhere.json"), "image_folder": str(ROOT)}
    training = TARGETS["80gb"].training.model_copy(update=changes)
    settings = settings.model_copy(update={"table": str(ROOT / "README.md"), "portraits": str(ROOT)})
    check = one(access.data(training, settings))
    assert check.name == "train: data" and "nowhere.json" in check.found and "mirror build" in check.mend


def test_a_set_that_was_built_is_found(settings, output):
    built = output / access.BUILT
    (built / "images").mkdir(parents=True)
    training = TARGETS["80gb"].training
    found = {check.name: check for check in access.data(training, settings)}
    assert found["train: image_folder"].found == f"built: give -p image_folder {access.BUILT}/images"
    assert found["train: image_folder"].is_met and not found["train: data"].is_met
