"""Who describes, paints and verifies faces, by the settings that name them."""

from types import SimpleNamespace

import pytest
import torch

from mirror.counseling.settings import CounselSettings
from mirror.faces.casting import (
    FILTER_WORK,
    build_describer,
    build_painter,
    build_verifier,
    download_faces,
    face_pack,
    face_parts,
)
from mirror.faces.description import ChatDescriber, HttpDescriber, LexiconDescriber
from mirror.faces.settings import FaceSettings
from mirror.faces.verification import HttpVerifier, LocalVerifier
from mirror.models.memory.plan import Part
from mirror.paths import input_path
from tests.parameters import COUNSEL_DEFAULTS

SERVED_HERE = {"describer": "lexicon", "verifier": "local"}


@pytest.fixture(autouse=True)
def services(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMG_DESCRIPTION_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("IMG_VERIFICATION_URL", "http://127.0.0.1:9")


def settings(**changes):
    found = CounselSettings.checked(COUNSEL_DEFAULTS, "parameter")
    names = [name for name in vars(FaceSettings) if not name.startswith("_")]
    return SimpleNamespace(**{name: getattr(found, name) for name in names} | SERVED_HERE | changes)


def test_a_describer_is_the_lexicon_a_service_or_a_chat_model_with_its_own_sampling():
    assert isinstance(build_describer(settings(), "cpu"), LexiconDescriber)
    assert isinstance(build_describer(settings(describer="http"), "cpu"), HttpDescriber)
    own = {"describer_temperature": 0.1, "describer_top_p": 0.2, "describer_max_tokens": 33}
    url = "http://127.0.0.1:9/v1"
    found = build_describer(settings(describer="openai", describer_model="m", describer_url=url, **own), "cpu")
    assert isinstance(found, ChatDescriber)
    assert found.model.facts().items() >= {
        "model": "m", "base_url": url, "temperature": 0.1, "top_p": 0.2, "max_tokens": 33
    }.items()  # fmt: skip
    with pytest.raises(FileNotFoundError, match="nowhere"):
        build_describer(settings(describer="local", describer_model="./nowhere"), "cpu")


def test_a_pack_is_the_verifiers_or_the_settings_where_it_is_there():
    remote = build_verifier(settings(verifier="http"), "cpu")
    assert isinstance(remote, HttpVerifier)
    assert face_pack(settings(), "cpu", remote).recognition.name == "rec_pocket.onnx"
    assert face_pack(settings(face_pack="./nowhere"), "cpu", remote) is None


def test_filters_in_this_process_have_the_thresholds_given_and_lend_their_pack():
    verifier = build_verifier(settings(relevance_threshold=0.11, identity_threshold=0.22), "cpu")
    assert (verifier.relevance.threshold, verifier.identity.threshold) == (0.11, 0.22)
    assert face_pack(settings(face_pack="./nowhere"), "cpu", verifier) is verifier.identity.pack


def test_the_painter_paints_as_the_settings_say_and_needs_no_pack_for_version_1():
    own = {"steps": 3, "guidance_scale": 2.5, "merge_step": 1, "image_size": 64, "face_size": 48}
    painter = build_painter(settings(**own, scheduler="dpmsolver++"), "cpu", torch.float32, None)
    recipe = painter.recipe
    assert (recipe.steps, recipe.guidance_scale, recipe.merge_step) == (3, 2.5, 1)
    assert (recipe.size, recipe.output_size, recipe.scheduler) == (64, 48, "dpmsolver++")
    assert not painter.id_encoder.needs_faces


# Memory ---------------------------------------------------------------------------------------------------------------


def test_only_models_of_this_process_need_memory():
    local = face_parts(settings(), "cpu", torch.float32, 4)
    assert [part.role for part in local] == ["painter", "filters"] and all(part.weights for part in local)
    served = face_parts(settings(describer="http", verifier="http"), "cpu", torch.float32, 4)
    assert served == local[:1]


def test_filters_stay_in_float32_and_bring_the_pack_of_faces():
    """Whatever the painter's precision."""
    found = face_parts(settings(), "cuda", torch.bfloat16, 4)[1]
    verifier = LocalVerifier.load(
        *(getattr(settings(), name) for name in ("safety_model", "relevance_model", "face_pack"))
    )
    networks = verifier.safety.model, verifier.relevance.model
    loaded = sum(parameter.nbytes for network in networks for parameter in network.parameters())
    pack = sum(file.stat().st_size for file in input_path(settings().face_pack).glob("*.onnx"))
    assert found.weights == loaded + pack and found.work == 4 * FILTER_WORK


def test_a_cpu_works_on_one_picture_at_a_time():
    one, eight = (face_parts(settings(paint_batch=8), device, torch.float32, 9) for device in ("cpu", "cuda"))
    assert one == face_parts(settings(paint_batch=1), "cuda", torch.float32, 9) != eight


def test_a_describer_that_is_not_here_has_no_size_yet_and_is_looked_for():
    found = settings(describer="local", describer_model="owner/never-here")
    assert face_parts(found, "cpu", torch.float32, 1)[0] == Part("describer", None)
    with pytest.raises(FileNotFoundError, match="owner/never-here was not found locally or on the Hub"):
        download_faces(found, torch.float32, ["describer"])
    download_faces(found, torch.float32, ["painter", "filters"])  # all of them are here
