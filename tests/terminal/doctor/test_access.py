"""Services, packs and data, with each broken in turn."""

import shutil

import pytest

from mirror.terminal.doctor import access
from mirror.terminal.doctor.targets import TARGETS
from tests import ROOT
from tests.checks import one
from tests.openai_server import OpenAIServer
from tests.servers import ScriptedDescriber, ScriptedVerifier, description_service, verification_service

SECRET = "sk-not-to-be-shown-0123456789"


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
    assert found["IMG_DESCRIPTION_URL"].found == "answers" and found["IMG_DESCRIPTION_URL"].is_met


def test_a_server_of_something_else_is_told(settings, monkeypatch):
    with OpenAIServer() as server:
        monkeypatch.setenv("IMG_DESCRIPTION_URL", server.url.removesuffix("/v1"))
        check = one(access.services())
    assert check.found == "another server: it answers 404 at /health" and "python -m api.description" in check.mend


def test_the_other_service_is_told(settings, monkeypatch):
    with verification_service(ScriptedVerifier()) as url:
        monkeypatch.setenv("IMG_DESCRIPTION_URL", url)
        check = one(access.services())
    assert "no /describe" in check.found and "the address of python -m api.description" in check.mend


@pytest.mark.parametrize("mine, found", [("", "asks for a token"), (SECRET, "refuses this token")])
def test_a_token_that_does_not_fit_is_told_and_not_shown(settings, monkeypatch, mine, found):
    with verification_service(ScriptedVerifier(), token="another-token") as url:
        monkeypatch.setenv("IMG_VERIFICATION_URL", url)
        monkeypatch.setenv("MIRROR_SERVICE_TOKEN", mine)
        check = one(access.services())
        assert found in check.found and check.mend.startswith("export MIRROR_SERVICE_TOKEN=")
        assert SECRET not in str(check)
        monkeypatch.setenv("MIRROR_SERVICE_TOKEN", "another-token")
        assert all(check.is_met for check in access.services())


def test_an_address_with_a_secret_is_not_shown(settings, monkeypatch):
    monkeypatch.setenv("IMG_DESCRIPTION_URL", f"http://user:{SECRET}@host")
    check = one(access.services())
    assert check.found == "cannot be used" and SECRET not in str(check)


@pytest.fixture
def pack(tmp_path):
    """A copy of the pocket pack."""
    return shutil.copytree(ROOT / "pocket/models/faces-pocket", tmp_path / "pack")


def test_a_pack_needs_its_files_and_a_threshold(settings, tmp_path, pack):
    settings = settings.model_copy(update={"face_pack": str(tmp_path / "nowhere")})
    assert f"unpack it into {tmp_path / 'nowhere'}" in one(access.pack(settings)).mend
    settings = settings.model_copy(update={"face_pack": str(pack)})
    assert all(check.is_met for check in access.pack(settings))
    (pack / "calibration.json").unlink()
    assert "python -m mirror.faces.calibration" in one(access.pack(settings)).mend
    assert all(check.is_met for check in access.pack(settings.model_copy(update={"identity_threshold": 0.3})))


def test_a_pack_that_lacks_a_model_is_told(settings, pack):
    (pack / "rec_pocket.onnx").unlink()
    check = one(access.pack(settings.model_copy(update={"face_pack": str(pack)})))
    assert "holds no recognition model" in check.found and "model zoo" in check.mend


def test_a_model_that_is_cut_off_is_told_by_its_file(settings, pack):
    file = pack / "det_pocket.onnx"
    file.write_bytes(file.read_bytes()[:2000])
    check = one(access.pack(settings.model_copy(update={"face_pack": str(pack)})))
    assert "det_pocket.onnx" in check.found and "model zoo" in check.mend


def test_a_threshold_of_another_model_is_told(settings, pack):
    (pack / "calibration.json").write_text('{"threshold": 0.3, "sha256": "0"}', encoding="utf-8")
    check = one(access.pack(settings.model_copy(update={"face_pack": str(pack)})))
    assert "another recognition model" in check.found and "mirror.faces.calibration" in check.mend


def test_data_that_is_not_there_is_told_by_its_parameter(settings, monkeypatch):
    changes = {"data": str(ROOT / "nowhere.json"), "image_folder": str(ROOT)}
    training = TARGETS["80gb"].training.model_copy(update=changes)
    settings = settings.model_copy(update={"table": str(ROOT / "README.md"), "portraits": str(ROOT)})
    check = one(access.data(training, settings))
    assert check.name == "train: data" and "nowhere.json" in check.found and "mirror build" in check.mend
    assert "-p dialogues 1000" in check.mend and "mirror train … -p data PATH" in check.mend


def test_a_set_that_was_built_is_found(settings, output):
    built = output / access.BUILT
    (built / "images").mkdir(parents=True)
    training = TARGETS["80gb"].training
    found = {check.name: check for check in access.data(training, settings)}
    assert found["train: image_folder"].found == f"built: mirror train … -p image_folder {access.BUILT}/images"
    assert found["train: image_folder"].is_met and not found["train: data"].is_met


def test_what_a_set_is_built_from_is_told_with_where_to_get_it(tmp_path):
    (tmp_path / "texts.csv").touch()
    changes = {"table": str(tmp_path / "texts.csv"), "portrait_table": f"{tmp_path}/texts.csv; {tmp_path}/names.txt"}
    found = list(access.sources(TARGETS["24gb"].building.model_copy(update=changes)))
    assert [(check.name, check.is_met) for check in found] == [
        ("build: table", True),
        ("build: test_table", False),
        ("build: portraits", False),
        ("build: portrait_table", True),
        ("build: portrait_table", False),
    ]
    assert "hf download multimodal-reframing/mirror" in found[1].mend and "CelebA" in found[2].mend
    assert found[4].found == f"no {tmp_path}/names.txt"
