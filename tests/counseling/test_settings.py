"""The settings of counseling: what fills what is left open, and what is refused before a model loads."""

import importlib.util

import pytest

from mirror.counseling.settings import CounselSettings
from mirror.faces.settings import SERVICES
from mirror.models.checkpoint import read_manifest, write_manifest
from mirror.prompts import completed, own_prompts
from mirror.settings.errors import SettingsError
from mirror.training.prompt_induction import induce
from tests.checkpoints import whole_checkpoint
from tests.parameters import COUNSEL_DEFAULTS
from tests.published_prompts import records

SERVED = {"counselor": "served", "counselor_model": "m", "counselor_url": "http://x/v1", "checkpoint": "./nowhere"}
CHAT = {"counselor": "openai", "counselor_model": "m", "counselor_url": "http://x"}


@pytest.fixture(autouse=True)
def no_services(monkeypatch):
    for variable in (*SERVICES.values(), "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


def settings(check_files=True, **changes):
    return CounselSettings.checked(COUNSEL_DEFAULTS | changes, "parameter", check_files)


def refused(**changes):
    with pytest.raises(SettingsError) as error:
        settings(**changes)
    return str(error.value)


def test_the_pocket_configuration_runs_offline():
    found = settings()
    assert (found.client, found.describer, found.verifier) == ("scripted", "lexicon", "local")
    assert found.painter == "pocket/models/sdxl-pocket" and found.max_turns == 6
    assert found.run == "counsel-pocket-base" and found.share == (1, 1)


@pytest.mark.parametrize("size", ["7b", "13b"])
def test_the_published_models_stand_where_nothing_is_given(size):
    found = settings(check_files=False, size=size, cot="planning")
    assert found.base_model == f"llava-hf/llava-1.5-{size}-hf"
    assert (found.steps, found.merge_step, found.image_size, found.face_size) == (50, 10, 1024, 336)
    assert (found.max_turns, found.client, found.describer) == (20, "openai", "local")
    assert (found.max_new_tokens, found.planning_max_tokens, settings().planning_max_tokens) == (128, 512, 128)
    assert found.relevance_threshold is None and found.run == f"counsel-{size}-planning"


def test_a_service_whose_url_is_set_goes_before_the_process(monkeypatch):
    monkeypatch.setenv("IMG_VERIFICATION_URL", "http://127.0.0.1:1")
    assert (settings().verifier, settings().describer) == ("http", "lexicon")
    monkeypatch.setenv("IMG_DESCRIPTION_URL", "http://127.0.0.1:2")
    assert settings().describer == "http"
    assert settings(verifier="local").verifier == "local"


@pytest.mark.parametrize("name", ["counselor", "client", "describer"])
@pytest.mark.parametrize("form", ["http://me:swordfish@{}", "http://{}?api-key=swordfish", "http://{}#swordfish"])
def test_a_secret_in_a_url_is_refused_unseen(name, form, monkeypatch):
    url = form.format("127.0.0.1:9/v1")
    for kind in ({name: "openai", f"{name}_model": "m"}, {}):
        message = refused(**{f"{name}_url": url}, **kind)
        assert f"{name}_url holds more than an address" in message and "swordfish" not in message
        assert "export OPENAI_API_KEY=" in message and "delete that notebook" in message
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    message = refused(**{name: "openai", f"{name}_model": "m"})
    assert "OPENAI_BASE_URL holds more than an address" in message and "swordfish" not in message
    for variable in ("IMG_VERIFICATION_URL", "IMG_DESCRIPTION_URL"):
        monkeypatch.setenv(variable, url)
        message = refused()
        assert f"{variable} holds more than an address" in message and "swordfish" not in message
        assert "export MIRROR_SERVICE_TOKEN=" in message
        monkeypatch.delenv(variable)


@pytest.mark.parametrize("path", ["a" * 5000, "./pocket/" + "[" * 300, "a\0b"], ids=["long", "long name", "NUL"])
@pytest.mark.parametrize("name", ["table", "portraits", "painter", "face_pack", "checkpoint", "prompts"])
def test_what_can_be_no_path_is_refused(name, path):
    message = refused(**{name: path})
    assert "is not a usable path (File name too long)" in message or "no such f" in message or "\0" in path


@pytest.mark.parametrize("changes", [{"\ud83d": 1}, {"client_model": "a\udc00"}])
def test_half_a_character_is_refused(changes):
    assert "holds half a character" in refused(**changes)


def test_a_secret_in_the_url_of_a_model_is_refused_too():
    message = refused(base_model="https://me:hf_swordfish@hub.example/llava")
    assert "base_model holds more than an address" in message and "swordfish" not in message


def test_what_was_given_stays():
    assert settings(steps=7, client="openai", client_model="m", client_url="http://x/v1").steps == 7
    assert settings(run="mine").run == "mine"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"client": "openai"}, "client_model must name a model where client is openai"),
        ({"counselor": "openai", "counselor_url": "http://x"}, "counselor_model must name a model"),
        ({"describer": "local"}, "describer_model must name a model where describer is local"),
        ({"sees_face": False}, "sees_face is false, and a llava counselor always sees the face"),
        (
            {
                "counselor": "openai",
                "counselor_model": "m",
                "counselor_url": "http://x",
                "sees_face": False,
                "cot": "ec",
            },
            "cot ec captions the face, and sees_face is false",
        ),
        ({**CHAT, "sees_face": False, "face": "blank"}, "face is blank, and sees_face is false"),
        ({"face": "swapped"}, "face is swapped, and faces_from names no run"),
        ({"face": "neutral", "faces_from": "other"}, "faces_from is for face swapped, and face is neutral"),
        ({"face": "swapped", "faces_from": "me", "run": "me"}, "faces_from is this run"),
        (
            {"counselor": "served", "counselor_model": "m"},
            "counselor is served, and checkpoint is empty; name the merged",
        ),
        ({"counselor": "served", "counselor_model": "m"}, "counselor is served, and counselor_url is empty"),
        (SERVED | {"counselor_model": ""}, "counselor_model must name a model where counselor is served"),
        (SERVED | {"untrained_url": "http://x/v1"}, "untrained_url names a server, and untrained_model is empty"),
        (SERVED | {"sees_face": False}, "sees_face is false, and a served counselor always sees the face"),
        (SERVED | {"offload": "counselor"}, "offload is counselor, and the counselor is not in this process"),
        (SERVED | {"budget_dollars": 1.0}, "budget_dollars needs a price of every model; add m to prices"),
        ({"untrained_model": "m"}, "untrained_model is for counselor served; leave it empty"),
        ({**CHAT, "untrained_url": "http://x/v1"}, "untrained_url is for counselor served; leave it empty"),
        ({**CHAT, "checkpoint": "./c"}, "checkpoint is for counselor llava or served"),
        (SERVED, "checkpoint: no such folder"),
        ({**CHAT, "counselor_url": "http://x/v1, ftp://y"}, "counselor_url must read http://host:port/path"),
        ({**CHAT, "offload": "counselor"}, "offload is counselor, and the counselor is not in this process"),
        (
            {"offload": "all", "waves": 2},
            "offload is all, and waves is 2, each of which would move weights; set waves to 1",
        ),
        ({"ray_address": "auto"}, "ray_address is set, and workers is 1, which uses no cluster; raise workers"),
        ({"workers": 2, "device": "cuda:1"}, "device is cuda:1, and workers is 2, each with a GPU; use cuda or auto"),
        ({"workers": 2, "ray_address": "ray://head:10001"}, "ray_address must be auto, or host:port of a head"),
        ({"workers": 0}, "workers must be"),
        ({"offload": "both"}, "offload must be one of auto, none, counselor, painter, all"),
        ({"face": "hidden"}, "face must be one of shown, neutral, swapped, blank, cue"),
        ({"shard": "3/2"}, "shard must be one share of all, such as 2/8, found 3/2"),
        ({"shard": "2"}, "shard must be one share of all, such as 2/8"),
        ({"precision": "bf16", "device": "cpu"}, "precision bf16 is for a GPU"),
        ({"guidance_scale": 0.5}, "guidance_scale must be 0 or 1 (no guidance), or above 1, found 0.5"),
        ({"merge_at": 1.5}, "merge_at must be"),
        ({"scheduler": "tcd", "spacing": "trailing"}, "spacing must be model with scheduler tcd"),
        ({"scheduler": "heun"}, "scheduler must be one of ddim, dpmsolver++, euler, lcm, tcd"),
        ({"image_size": 100}, "image_size must be a multiple of 8"),
        ({"top_p": 0.0}, "top_p must be greater than 0"),
        ({"on_exhaustion": "panic"}, "on_exhaustion must be one of keep_best, stop"),
        ({"clent": "scripted"}, "unknown parameter clent; did you mean client"),
    ],
)
def test_what_cannot_work_is_refused(changes, message):
    assert message in refused(**changes)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"table": "no.csv"}, "table: no such file"),
        ({"portraits": "no"}, "portraits: no such folder"),
        ({"checkpoint": "./no"}, "checkpoint: no such folder"),
        ({"painter": "./no"}, "painter: no such folder"),
        ({"distilled": "./no.safetensors"}, "distilled: no such file"),
        ({"base_model": "./no"}, "base_model: no such folder"),
        ({"safety_model": "./no"}, "safety_model: no such folder"),
        ({"face_pack": "./no"}, "face_pack: no such folder"),
        ({"verifier": "http"}, "verifier is http, and IMG_VERIFICATION_URL is not set"),
        ({"describer": "http"}, "describer is http, and IMG_DESCRIPTION_URL is not set"),
        ({"client": "openai", "client_model": "m"}, "client is openai, and OPENAI_API_KEY is not set"),
    ],
)
def test_what_is_not_there_is_refused(changes, message):
    assert message in refused(**changes)
    settings(check_files=False, **changes)


def test_what_a_checkpoint_lacks_is_refused_before_a_model_loads(tmp_path):
    folder = whole_checkpoint(tmp_path / "c", cot="planning")
    fine = {"checkpoint": str(folder), "cot": "planning"}
    assert settings(**fine).prompts_from == "checkpoint"
    assert settings(**fine).read_prompts() == own_prompts("planning")
    assert "is of size pocket and cot planning, the settings say pocket and ec" in refused(**fine | {"cot": "ec"})
    write_manifest(folder, read_manifest(folder), own_prompts("base"))
    told = refused(**fine)
    assert "prompts: they do not fit cot planning" in told and "no prompt template of kind 'planning'" in told
    (folder / "prompts.json").unlink()
    assert "prompts: no such file" in refused(**fine)
    assert settings(**fine, prompts="project").read_prompts() == own_prompts("planning")
    (folder / "adapter_model.safetensors").unlink()
    assert "has none of adapter_model.safetensors and adapter_model.bin" in refused(**fine, prompts="project")
    settings(check_files=False, **fine)


def test_the_prompts_of_an_arm_are_those_that_are_named(tmp_path):
    found = completed(induce(records("ec_planning", clients=12)), "ec_planning")
    folder = whole_checkpoint(tmp_path / "c", cot="ec_planning", prompts=found)
    for place in (folder, folder / "prompts.json"):
        untuned = settings(cot="ec_planning", prompts=str(place))
        assert untuned.read_prompts() == found and untuned.prompts_from == str(place)
    assert settings(cot="ec_planning").read_prompts() == own_prompts("ec_planning")
    assert settings(**CHAT, cot="ec_planning", prompts=str(folder)).read_prompts() == found
    write_manifest(folder, read_manifest(folder), own_prompts("base"))
    assert "they are about an image, and sees_face is false" in refused(**CHAT, sees_face=False, prompts=str(folder))
    assert settings(**CHAT, sees_face=False, prompts="project").read_prompts() == own_prompts("base", face=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"prompts": "checkpoint"}, "prompts is checkpoint, and no checkpoint is named"),
        ({"prompts": "Project"}, "prompts: no such file"),
        ({"prompts": "pocket/data/test.csv"}, "test.csv is damaged: cannot be read as JSON"),
        ({"prompts": "pocket/models/llava-v1.5-pocket/config.json"}, "prompts: "),
    ],
)
def test_prompts_that_cannot_be_used_are_refused(changes, message):
    assert message in refused(**changes)


@pytest.mark.parametrize(
    "name, changes",
    [
        ("OPENAI_API_KEY", {"client": "openai", "client_model": "m", "client_url": "http://x"}),
        ("MIRROR_SERVICE_TOKEN", {"verifier": "http"}),
    ],
)
def test_a_key_is_checked_unseen_where_it_is_used(name, changes, monkeypatch):
    monkeypatch.setenv("IMG_VERIFICATION_URL", "http://127.0.0.1:1")
    monkeypatch.setenv(name, "“sk-secret”\r\n")
    settings(**changes)
    monkeypatch.setenv(name, "sk-\r\nsecret")
    message = refused(**changes)
    assert f"{name} must be one word" in message and "sk-" not in message and "secret" not in message
    settings(verifier="local")


def test_models_that_nothing_uses_need_not_be_there(monkeypatch):
    monkeypatch.setenv("IMG_VERIFICATION_URL", "http://127.0.0.1:1")
    settings(face_pack="./no", safety_model="./no", relevance_model="./no")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x")
    settings(counselor="openai", counselor_model="m", base_model="./no")


def test_a_run_may_go_on_elsewhere_but_not_with_another_method():
    assert {"device", "concurrency", "shard", "sessions", "offload"} <= CounselSettings.MACHINE
    assert not CounselSettings.MACHINE & {"seed", "steps", "client", "cot", "attempts", "temperature", "precision"}


def test_a_budget_limits_something_that_is_counted():
    chat = {"client": "openai", "client_model": "m", "client_url": "http://x"}
    assert settings(**chat, budget_dollars=5, prices="m 0/0").budget_dollars == 5
    assert settings(**chat, budget_tokens=1000).budget_tokens == 1000
    assert settings(budget_hours=0.5).budget_hours == 0.5
    assert "budget_dollars needs a price of every model; add m to prices (0/0 if free)" in refused(
        **chat, budget_dollars=5.0
    )
    for name, amount in (("budget_dollars", 1.0), ("budget_tokens", 1)):
        no_endpoint = f"{name} counts models behind endpoints, and no role uses one; use budget_hours"
        assert no_endpoint in refused(**{name: amount})
    for name, amount in (("budget_dollars", 0.0), ("budget_tokens", 0), ("budget_hours", -1.0), ("budget_tokens", 1.5)):
        assert name in refused(**chat, prices="m 1/1", **{name: amount})


def test_prices_are_of_models_in_use():
    priced = {"client": "openai", "client_model": "gpt-4o-mini", "client_url": "http://x"}
    found = settings(**priced, prices="gpt-4o-mini 0.15/0.60")
    assert found.models == {"client": "gpt-4o-mini"}
    assert "'gpt-4o-mini' is no price; write the model, a space" in refused(**priced, prices="gpt-4o-mini")
    assert "prices names gpt-4, which no role uses; the models in use are gpt-4o-mini" in refused(
        **priced, prices="gpt-4 1/2"
    )
    assert "which no role uses; the models in use are none" in refused(prices="gpt-4o-mini 1/2")


def test_half_of_the_sessions_waits_for_a_service_while_the_others_are_painted(monkeypatch):
    served = {"client": "openai", "client_model": "m", "client_url": "http://x"}
    assert settings().waves == 1 and settings(**served).waves == 2 and settings(**served, waves=1).waves == 1
    monkeypatch.setenv("IMG_DESCRIPTION_URL", "http://127.0.0.1:1")
    assert settings().waves == 2
    assert settings(offload="painter").waves == 1  # whose weights each wave would move
    assert [settings(offload=offload).waves for offload in ("auto", "none")] == [2, 2]
    assert "waves" in refused(waves=0)


def test_several_workers_need_ray(monkeypatch):
    assert settings(workers=2, ray_address="10.0.0.1:6379").workers == 2
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ray" else found(name))
    assert settings().workers == 1
    assert "workers above 1 need Ray: pip install 'mirror-notebooks[ray]', or set workers to 1" in refused(workers=2)


def test_how_many_attempts_and_sessions_go_together_may_change_within_a_run():
    assert {"ahead", "waves", "workers", "ray_address", "compile", "paint_batch"} <= CounselSettings.MACHINE
    assert settings(ahead=0).ahead == 0 and "ahead" in refused(ahead=-1)
