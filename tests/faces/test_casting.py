"""Who describes, paints and verifies faces, by the settings that name them."""

import pytest
import torch

from mirror.faces.casting import build_describer, build_painter, build_verifier, face_pack
from mirror.faces.description import ChatDescriber, HttpDescriber, LexiconDescriber
from mirror.faces.verification import HttpVerifier
from tests.parameters import face_settings as settings


@pytest.fixture(autouse=True)
def services(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("IMG_DESCRIPTION_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("IMG_VERIFICATION_URL", "http://127.0.0.1:9")


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
