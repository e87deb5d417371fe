"""The cast that settings name: who is made, with what, and what a checkpoint must be."""

import pytest

from mirror.chat.messages import Message
from mirror.clients.client import ScriptedClient
from mirror.counseling.casting import build_cast, build_client, build_counselor
from mirror.counseling.session import run_sessions
from mirror.counseling.settings import CounselSettings
from mirror.faces.casting import build_describer, build_verifier
from mirror.faces.description import LexiconDescriber
from mirror.faces.verification import HttpVerifier, LocalVerifier
from mirror.paths import input_path
from mirror.prompts import Variant, completed, own_prompts
from mirror.training.prompt_induction import induce
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.session_folder import SessionFolder
from tests.checkpoints import whole_checkpoint
from tests.openai_server import OpenAIServer, Text
from tests.parameters import COUNSEL_DEFAULTS
from tests.published_prompts import records
from tests.servers import ScriptedVerifier, verification_service


def settings(**changes):
    return CounselSettings.checked(COUNSEL_DEFAULTS | changes, "parameter")


@pytest.mark.slow
def test_the_pocket_cast_counsels_a_client_offline(tmp_path):
    found = settings(cot="ec", steps=2, merge_step=0, max_new_tokens=8, attempts=2, max_turns=2)
    cast = build_cast(found)
    assert isinstance(cast.client, ScriptedClient) and isinstance(cast.describer, LexiconDescriber)
    assert isinstance(cast.verifier, LocalVerifier) and cast.attempts == 2
    assert cast.painter.embed_face.__self__ is cast.verifier.identity.pack  # loaded once
    assert cast.painter.facts()["steps"] == 2 and cast.counselor.variant == Variant.of("ec")
    profiles = read_profiles(input_path(found.table), input_path(found.portraits))[:1]
    (outcome,) = run_sessions(cast, profiles, tmp_path, found.seed, 1, found.max_turns)
    assert (outcome.status, outcome.turns) == ("complete", 2)
    turns = SessionFolder(tmp_path / profiles[0].idx).turns()
    assert all(turn.caption and turn.reply and turn.face.exhausted for turn in turns)  # noise shows no face yet


def test_an_untuned_llava_of_another_size_is_refused():
    with pytest.raises(ValueError, match="size is 7b, but .*llava-v1.5-pocket has hidden size 192"):
        build_counselor(settings().model_copy(update={"size": "7b"}), "cpu", None)


def test_chat_models_get_the_protocols_sampling(monkeypatch):
    with OpenAIServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        server.default = Text("Client: [nods]")
        found = settings(
            client="openai", client_model="c", describer="openai", describer_model="d",
            counselor="openai", counselor_model="k", temperature=0.2, max_new_tokens=9,
        )  # fmt: skip
        client = build_client(found).facts()
        described = build_describer(found, "cpu").facts()
        counselor = build_counselor(found, "cpu", None).facts()["counselor"]
        own = {"client_temperature": 0.0, "client_top_p": 0.5, "client_max_tokens": 4096, "describer_max_tokens": 7}
        penalties = {"client_frequency_penalty": 0.0, "client_presence_penalty": -0.5, "describer_temperature": 0.1}
        other = found.model_copy(update=own | penalties | {"describer_top_p": 0.3})
        other_client, other_describer = build_client(other).facts(), build_describer(other, "cpu").facts()
    assert other_client.items() >= {"temperature": 0.0, "top_p": 0.5, "max_tokens": 4096}.items()
    assert other_client["presence_penalty"] == -0.5 and "frequency_penalty" not in other_client
    assert other_describer.items() >= {"temperature": 0.1, "top_p": 0.3, "max_tokens": 7}.items()
    assert client.items() >= {"model": "c", "temperature": 0.7, "max_tokens": 128, "presence_penalty": 0.2}.items()
    assert described["model"] == "d" and "presence_penalty" not in described
    assert counselor.items() >= {"model": "k", "temperature": 0.2, "max_tokens": 9, "sees_face": True}.items()


def test_a_counselor_says_where_its_prompts_come_from(tmp_path):
    found = completed(induce(records("planning", clients=12)), "planning")
    folder = whole_checkpoint(tmp_path / "c", prompts=found)
    untuned = build_counselor(settings(cot="planning", prompts=str(folder)), "cpu", None).facts()
    own = build_counselor(settings(cot="planning"), "cpu", None).facts()
    assert (untuned["prompts_from"], own["prompts_from"]) == (str(folder), "project")
    assert untuned["prompts_sha256"] == found.sha256 != own["prompts_sha256"] == own_prompts("planning").sha256
    assert untuned["prompts"] == found.to_json() and untuned["planning_max_tokens"] == 128


def test_a_planning_llava_keeps_room_for_a_plan_behind_every_prompt():
    rooms = [build_counselor(settings(cot=cot), "cpu", None).speaker.longest_answer for cot in ("base", "planning")]
    assert rooms == [64, 128]


def test_a_role_without_room_names_the_parameter_that_gives_it_some(monkeypatch):
    with OpenAIServer(default=Text("<think>\nWell", "length")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        found = settings(
            client="openai", client_model="c", describer="openai", describer_model="d",
            counselor="openai", counselor_model="k",
        )  # fmt: skip
        models = (
            build_client(found).model,
            build_describer(found, "cpu").model,
            build_counselor(found, "cpu", None).speaker.model,
        )
        told = [str(model.complete([[Message("user", "Hello.")]], [1])[0]) for model in models]
    names = ("client_max_tokens", "describer_max_tokens", "max_new_tokens")
    assert [f"raise {name}, or" in message for name, message in zip(names, told, strict=True)] == [True] * 3


def test_a_service_is_asked_where_its_url_is_set(monkeypatch):
    with verification_service(ScriptedVerifier()) as url:
        monkeypatch.setenv("IMG_VERIFICATION_URL", f"{url}/verify")
        verifier = build_verifier(settings(), "cpu")
        assert isinstance(verifier, HttpVerifier) and verifier.facts()["service"]["name"] == "verification"
