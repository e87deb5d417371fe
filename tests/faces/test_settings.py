"""What counseling and building share about faces: the same parameters, defaults and faults."""

from types import SimpleNamespace

import pytest

from mirror.chat.roles import endpoints_missing, models_of_roles, unnamed_models
from mirror.counseling.settings import MODELS, CounselSettings
from mirror.faces.settings import FACE_MODELS, SERVICES, FaceSettings, face_faults, face_files_missing, http_services
from tests.parameters import COUNSEL_DEFAULTS

NAMES = {name for name in vars(FaceSettings) if not name.startswith("_")}


@pytest.fixture(autouse=True)
def no_services(monkeypatch):
    for variable in (*SERVICES.values(), "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


def settings(**changes):
    """Only the shared parameters, so that nothing else can be needed."""
    found = CounselSettings.checked(COUNSEL_DEFAULTS, "parameter")
    return SimpleNamespace(**{name: getattr(found, name) for name in NAMES} | changes)


def test_counseling_has_all_of_them_and_takes_its_defaults_from_here():
    assert CounselSettings.model_fields.keys() >= NAMES
    for size, defaults in FACE_MODELS.items():
        assert defaults.keys() <= NAMES and MODELS[size].items() >= defaults.items()


def test_the_pocket_models_are_there():
    assert face_faults(settings()) == face_files_missing(settings()) == []


def test_all_that_is_missing_is_told(monkeypatch):
    found = settings(
        painter="./no", distilled="no", safety_model="./no", relevance_model="./no", face_pack="./no", describer="http"
    )
    names = [fault.split(":")[0].split(" ")[0] for fault in face_files_missing(found)]
    assert names == ["painter", "safety_model", "relevance_model", "distilled", "face_pack", "describer"]
    assert face_files_missing(settings(distilled="owner/name/lora.safetensors")) == []  # on the Hub, or nowhere
    monkeypatch.setenv("IMG_DESCRIPTION_URL", "http://x")
    assert http_services() == {"describer": "http"}
    found = settings(verifier="http", safety_model="./no", face_pack="./no", describer="http")
    assert face_files_missing(found) == [
        "verifier is http, and IMG_VERIFICATION_URL is not set; set it to the service's URL"
    ]


def test_what_cannot_work_is_told():
    found = settings(describer="local", precision="bf16", device="cpu", scheduler="lcm", spacing="trailing", steps=99)
    assert face_faults(found) == [
        "describer_model must name a model where describer is local, found the empty text",
        "precision bf16 is for a GPU, found device cpu; use precision auto or float32",
        "spacing must be model with scheduler lcm, which has its own, found trailing",
        "steps must be 50 at most with scheduler lcm, found 99",
    ]


def test_the_roles_of_chat_models(monkeypatch):
    found = SimpleNamespace(
        judge="openai", judge_model="m", judge_url="", writer="openai", writer_model="", writer_url="http://x",
        client="scripted", client_model="c", client_url="",
    )  # fmt: skip
    roles = ("judge", "writer", "client")
    assert models_of_roles(found, roles) == {"judge": "m", "writer": ""}
    assert unnamed_models(found, roles) == [
        "writer_model must name a model where writer is openai, found the empty text"
    ]
    told = ["judge is openai, and OPENAI_API_KEY is not set; set it, or give judge_url"]
    assert endpoints_missing(found, roles) == told and endpoints_missing(found, ["writer", "client"]) == []
    monkeypatch.setenv("OPENAI_API_KEY", "sk-x y")
    assert len(faults := endpoints_missing(found, roles)) == 1 and "must be one word" in faults[0]
