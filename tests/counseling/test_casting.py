"""The cast that settings name: who is made, with what, and what a checkpoint must be."""

import pytest
from PIL import Image

from mirror.benchmarks.counseling import digest
from mirror.chat.messages import Message
from mirror.clients.client import ScriptedClient
from mirror.counseling import casting
from mirror.counseling.casting import build_cast, build_client, build_counselor, plan_memory, smaller_plans
from mirror.counseling.reply import CounselorRequest
from mirror.counseling.session import run_sessions
from mirror.counseling.settings import CounselSettings
from mirror.faces.casting import build_describer, build_verifier
from mirror.faces.description import DescriptionRequest, LexiconDescriber
from mirror.faces.verification import HttpVerifier, LocalVerifier
from mirror.models.memory.plan import DoesNotFit
from mirror.paths import input_path
from mirror.prompts import Variant, completed, own_prompts
from mirror.training.prompt_induction import induce
from mirror.transcripts.profile import read_profiles
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.turn import Conversation
from tests.checkpoints import whole_checkpoint
from tests.openai_server import OpenAIServer, Status, Text
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


def test_clients_describers_and_counselors_may_be_behind_several_servers():
    asked = DescriptionRequest.from_text("", "[frowns] Hm.")
    profile = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))[0]
    opening = Conversation(profile, (), 1)
    face = Image.new("RGB", (8, 8))

    def answer(request):
        return Text("Welcome." if request.body["model"] == "k" else "Client: [nods] Yes.")

    with OpenAIServer(default=answer) as works, OpenAIServer(default=Status(500)) as broken:
        urls = f"{broken.url},{works.url}"
        found = settings(
            client="openai", client_model="c", describer="openai", describer_model="d", client_url=urls,
            describer_url=urls, counselor="openai", counselor_model="k", counselor_url=urls,
        )  # fmt: skip
        client, counselor = build_client(found), build_counselor(found, "cpu", None)
        describer = build_describer(found, "cpu")
        (said,), (described,) = client.speak([opening]), describer.describe([asked])
        (reply,) = counselor.reply([CounselorRequest(opening, said.utterance, face)])
    assert said.utterance.cue == "nods" and reply.words and described.fallback
    asked_by = [[request.body["model"] for request in server.requests] for server in (broken, works)]
    assert asked_by == [["c", "d", "k"], ["c", "d", "d", "k"]]  # the description could not be read once
    facts = client.facts(), describer.facts(), counselor.facts()["counselor"]
    assert [one["base_url"] for one in facts] == [f"{broken.url}, {works.url}"] * 3


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


# Memory ---------------------------------------------------------------------------------------------------------------

SMALL = {
    "cot": "ec",
    "steps": 2,
    "merge_step": 0,
    "max_new_tokens": 8,
    "attempts": 2,
    "max_turns": 2,
    "compile": "none",
}


@pytest.mark.slow
def test_models_that_take_turns_give_the_same_files(tmp_path):
    """Transcripts, pictures and verdicts, to the byte; on a CPU the swaps are the same as on a GPU."""
    profiles = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))[:1]
    written = {}
    for offload in ("none", "counselor", "all"):
        cast = build_cast(settings(**SMALL, offload=offload))
        cast.warm_up(1)
        seats = cast.painter.seat, cast.counselor.speaker.llava.seat
        assert [seat.moves for seat in seats] == [offload == "all", offload != "none"]
        assert cast.rotates == (offload != "none")
        run_sessions(cast, profiles, tmp_path / offload, 0, 1, 2)
        resting = [seat.stored is not None and not seat.stored.awake for seat in seats]
        assert resting == [offload == "all", False]  # the counselor has spoken last
        written[offload] = digest(tmp_path / offload)
    assert len(set(written.values())) == 1


class Card:
    """A GPU of `size` GB that is only asked for its memory."""

    def __init__(self, monkeypatch, size, host=64):
        monkeypatch.setattr(casting, "resolve_device", lambda device: "cuda")
        monkeypatch.setattr(casting, "device_name", lambda device: "a card")
        monkeypatch.setattr(casting, "available_memory", lambda device: round(size * 1e9))
        monkeypatch.setattr(casting, "machine_memory", lambda: round(host * 1e9))


def large(**changes):
    """The pocket models where those of the published size would be, which are known by their working memory alone."""
    return settings(image_size=1024, device="cpu", **changes)  # a card may be put in its place


def test_a_plan_names_the_models_of_this_process(monkeypatch):
    found = plan_memory(settings())
    assert [part.role for part in found.parts] == ["counselor", "painter", "filters"] and found.fits
    assert (found.device, found.offload) == ("cpu", "none") and not found.unknown
    monkeypatch.setenv("IMG_VERIFICATION_URL", "http://127.0.0.1:1")
    chat = {"counselor": "openai", "counselor_model": "m", "counselor_url": "http://x"}
    assert [part.role for part in plan_memory(settings(**chat)).parts] == ["painter"]
    assert [part.role for part in plan_memory(settings(), faces=False).parts] == ["counselor"]


def test_a_local_describer_is_planned_for(monkeypatch):
    monkeypatch.delenv("IMG_VERIFICATION_URL", raising=False)
    model = "pocket/models/llava-v1.5-pocket"
    parts = plan_memory(settings(describer="local", describer_model=model)).parts
    assert [part.role for part in parts] == ["counselor", "describer", "painter", "filters"]
    assert parts[1].weights and parts[1].cache == parts[0].cache


def test_a_cache_of_replies_is_for_the_sessions_that_advance_together(monkeypatch):
    Card(monkeypatch, 24)

    def cache(**changes):
        return plan_memory(settings(**changes)).parts[0].cache

    assert cache(concurrency=16) == 16 * cache(concurrency=1)
    assert cache(concurrency=16, sessions=4) == cache(concurrency=4) == cache(concurrency=16, reply_batch=3)


def test_no_more_faces_are_painted_than_are_due(monkeypatch):
    Card(monkeypatch, 24)

    def work(**changes):
        return plan_memory(large(paint_batch=8, **changes)).parts[1].work

    assert work(concurrency=2, ahead=1) == work(concurrency=9, sessions=1, ahead=2) < work(concurrency=8, ahead=1)
    assert work(concurrency=3, ahead=1) == work(concurrency=2, ahead=1)  # painted as two and one
    assert work(concurrency=7, ahead=1) == work(concurrency=8, ahead=1)  # filled up to eight
    assert work(concurrency=1) == work(concurrency=8, ahead=1) == work(concurrency=16, ahead=1)  # as many as are useful


def test_what_does_not_fit_is_refused_before_a_model_loads_with_what_would_fit(monkeypatch):
    Card(monkeypatch, 6)
    monkeypatch.setattr(casting, "build_verifier", None)  # would be called first
    with pytest.raises(DoesNotFit, match="with paint_batch 2, offload none it needs 5.. GB and fits"):
        build_cast(large(paint_batch=8, concurrency=1, ahead=8))


def test_fewer_faces_are_tried_before_fewer_sessions(monkeypatch):
    Card(monkeypatch, 1000)
    changes = [changes for changes, plan in smaller_plans(settings(paint_batch=4, concurrency=5)) if plan.fits]
    faces = [{}, {"paint_batch": 2}, {"paint_batch": 1}]
    assert changes == [one | fewer for fewer in ({}, {"concurrency": 4}, {"concurrency": 1}) for one in faces]


def test_sizes_that_are_not_known_are_downloaded_before_anything_is_planned(monkeypatch):
    asked = []
    monkeypatch.setattr(casting, "download", lambda found, roles: asked.append(roles))
    monkeypatch.setattr(casting, "build_verifier", lambda *_: (_ for _ in ()).throw(FileNotFoundError("loading")))
    with pytest.raises(FileNotFoundError, match="loading"):
        build_cast(settings(safety_model="owner/never-here"))
    assert asked == [["filters"]]
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError, match="owner/never-here was not found locally or on the Hub"):
        build_cast(settings(safety_model="owner/never-here"))


def test_where_models_take_turns_fewer_waves_are_tried_too(monkeypatch):
    Card(monkeypatch, 4.65)
    told = [(changes, plan) for changes, plan in smaller_plans(large(paint_batch=1, waves=2)) if plan.resting]
    assert told and all(changes["waves"] == 1 for changes, _ in told)
    Card(monkeypatch, 1000)
    assert not any("waves" in changes for changes, _ in smaller_plans(large(paint_batch=2, waves=2)))


def test_where_nothing_fits_on_the_card_at_once_the_log_tells_of_the_one_wave(monkeypatch, caplog):
    Card(monkeypatch, 4.65)
    monkeypatch.setattr(casting, "build_verifier", lambda *_: (_ for _ in ()).throw(FileNotFoundError("loading")))
    with caplog.at_level("INFO"), pytest.raises(FileNotFoundError, match="loading"):
        build_cast(large(paint_batch=1, concurrency=1, waves=2))
    assert "sessions advance in 1 wave, not 2" in caplog.text
