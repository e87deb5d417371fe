"""The description service over a real socket: forms and JSON, hostile text, a model that is down."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from api.description.__main__ import load
from api.description.app import DescriptionSettings, create_app
from api.loopback import running
from mirror.chat.endpoint import ChatEndpoint
from mirror.faces.description import ChatDescriber
from mirror.services.service import Service, ServiceError
from tests.openai_server import OpenAIServer, Slow, Status, Text
from tests.servers import ScriptedDescriber, description_service, free_port, until


@pytest.fixture(scope="module")
def url():
    with description_service(ScriptedDescriber(), max_body_bytes=200_000) as url:
        yield url


def describe(url, history="", client_utt="[looks away] No.", **options):
    return requests.post(f"{url}/describe", {"history": history, "client_utt": client_utt}, timeout=60, **options)


def raw(url, body, content_type="application/json"):
    return requests.post(f"{url}/describe", body, headers={"Content-Type": content_type}, timeout=60)


def refusal(response, status, code):
    assert (response.status_code, response.json().get("error")) == (status, code), response.text
    assert response.json().keys() == {"error", "message"}
    return response.json()["message"]


FIELDS = {"history": "Therapist: Hé\nClient: 😢", "client_utt": "[weeps] Nö; 1+1=2 & more", "seed": 7}
BODIES = {
    "form": {"data": FIELDS},
    "multipart": {"files": {name: (None, str(value)) for name, value in FIELDS.items()}},
    "JSON": {"json": FIELDS},
    "JSON with escapes": {"data": json.dumps(FIELDS), "headers": {"Content-Type": "application/json; charset=UTF-8"}},
    "form without escapes": {
        "data": f"history={FIELDS['history']}&client_utt=[weeps] Nö; 1%2b1=2 %26 more&seed=7".encode(),
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    },
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_every_form_of_a_request_says_the_same(url, body):
    response = requests.post(f"{url}/describe", timeout=60, **body)
    assert response.status_code == 200
    assert response.json() == {
        "response": "7",
        "expression": FIELDS["client_utt"],
        "contrast": FIELDS["history"],
        "model": "scripted",
        "attempts": 1,
        "relevance_text": "",
        "fallback": False,
        "rejected": [],
        "prompt_tokens": None,
        "completion_tokens": None,
    }


@pytest.mark.parametrize("seed", [0, 5, 5.0, 2**63 - 1])
def test_the_seed_is_a_whole_number(url, seed):
    assert requests.post(f"{url}/describe", json=FIELDS | {"seed": seed}, timeout=60).json()["response"] == str(
        int(seed)
    )


def test_history_may_be_empty_and_the_seed_left_out(url):
    assert describe(url).json()["response"] == "0"


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "seven", "", "１", True, None, [1], {"a": 1}, 1e300])
def test_another_seed_is_refused(url, seed):
    message = refusal(requests.post(f"{url}/describe", json=FIELDS | {"seed": seed}, timeout=60), 422, "invalid_field")
    assert message.startswith("seed must be a whole number from 0 to")


@pytest.mark.parametrize("field", ["history", "client_utt"])
@pytest.mark.parametrize(
    "text, code", [("a" * 100_000, "text_too_long"), (5, "invalid_field"), (None, "invalid_field")]
)
def test_a_wrong_text_is_refused(url, field, text, code):
    message = refusal(requests.post(f"{url}/describe", json=FIELDS | {field: text}, timeout=60), 422, code)
    assert message.startswith(f"{field} m")


@pytest.mark.parametrize("field", ["history", "client_utt"])
def test_half_a_surrogate_pair_is_refused(url, field):
    """Python's JSON reader takes it, and everything that writes it as UTF-8 then fails."""
    body = json.dumps(FIELDS | {field: "\ud83d"})
    assert "surrogate" in refusal(raw(url, body), 422, "invalid_field")


def test_half_a_surrogate_pair_in_a_name_is_shown_escaped(url):
    assert "\\ud83d" in refusal(raw(url, json.dumps(FIELDS | {"\ud83d": 1})), 422, "unknown_field")


def test_an_empty_utterance_is_refused_and_a_nul_is_a_character(url):
    assert "client_utt" in refusal(describe(url, client_utt=" "), 422, "empty_text")
    assert describe(url, client_utt="a\0b").json()["expression"] == "a\0b"


@pytest.mark.parametrize("missing", ["history", "client_utt"])
def test_a_missing_field_is_named(url, missing):
    fields = {name: value for name, value in FIELDS.items() if name != missing}
    assert missing in refusal(requests.post(f"{url}/describe", json=fields, timeout=60), 422, "missing_field")


FORM = "application/x-www-form-urlencoded"
BROKEN = {
    "cut off": (b'{"history": ', "application/json"),
    "a list": (b"[]", "application/json"),
    "nothing": (b"", "application/json"),
    "not UTF-8": (b'{"history": "\xff"}', "application/json"),
    "deep": (b"[" * 100_000, "application/json"),
    "a number of many digits": (b'{"seed": ' + b"9" * 10_000 + b"}", "application/json"),
    "form, not UTF-8": (b"history=\xff", FORM),
    "form, escapes that are not UTF-8": (b"history=%ff&client_utt=a", FORM),
    "form of many fields": (b"&".join(b"a%d=1" % n for n in range(1000)), FORM),
}


@pytest.mark.parametrize("body, content_type", BROKEN.values(), ids=BROKEN)
def test_a_broken_body_is_refused(url, body, content_type):
    assert content_type in refusal(raw(url, body, content_type), 400, "invalid_request")


def test_a_field_that_is_sent_twice_is_refused(url):
    refusal(raw(url, b"history=&client_utt=a&client_utt=b", FORM), 422, "invalid_field")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/json; charset=utf-7", ""])
def test_another_type_is_refused(url, content_type):
    refusal(raw(url, b"{}", content_type), 415, "unsupported_media_type")


def test_a_huge_body_is_refused(url):
    refusal(describe(url, history="a" * 300_000), 413, "body_too_large")


def test_a_model_that_is_down_is_named_and_is_the_fault_of_its_own_request_alone():
    describer = ScriptedDescriber()
    describer.gate.clear()
    with description_service(describer) as url, ThreadPoolExecutor(4) as clients:
        held = [clients.submit(describe, url, "", text) for text in ("first", "fail", "second", "third")]
        until(lambda: describer.batches)
        describer.gate.set()
        statuses = [future.result().status_code for future in held]
        assert statuses == [200, 502, 200, 200]
        assert "http://llm (fail)" in refusal(held[1].result(), 502, "backend_unavailable")


def test_an_endpoint_that_is_down_is_a_502_that_names_it():
    endpoint = ChatEndpoint("llama", f"http://127.0.0.1:{free_port()}/v1", "swordfish", retries=0)
    with description_service(ChatDescriber(endpoint)) as url:
        message = refusal(describe(url), 502, "backend_unavailable")
        assert requests.get(f"{url}/health", timeout=60).json()["facts"]["base_url"] == endpoint.url
    assert message.startswith(f"{endpoint.url}: model llama cannot be reached") and "swordfish" not in message


def test_a_model_is_asked_with_the_services_own_sampling():
    lines = (
        "<think>\nOne\n</think>\nFacial Expression Description: a frown\nContrasting Facial Expression Description: joy"
    )

    def answer(request):
        return Status(400, "Unsupported: temperature") if "temperature" in request.body else Text(lines)

    with OpenAIServer(default=answer) as server:
        options = {"describer": "openai", "model": "llama", "base_url": server.url, "max_tokens": 700, "top_p": 0.4}
        with description_service(load(DescriptionSettings(temperature=0.2, **options))) as url:
            assert describe(url).json()["expression"] == "a frown"
            facts = requests.get(f"{url}/health", timeout=60).json()["facts"]
    first, second = (request.body for request in server.requests)
    assert (first["temperature"], first["top_p"], first["max_tokens"]) == (0.2, 0.4, 700)
    assert "temperature" not in second and facts["left_out"]["temperature"]["value"] == 0.2


def test_a_dialogue_that_the_model_has_no_room_for_is_a_bad_request(url):
    assert "5000 tokens" in refusal(describe(url, client_utt="long"), 422, "text_too_long")


def test_a_fault_inside_tells_nothing(url):
    assert "secret" not in refusal(describe(url, client_utt="raise"), 500, "internal_error")


def test_the_client_reads_what_the_service_says(url):
    service = Service(url, "/describe", retries=0)
    assert service.post(FIELDS)["expression"] == FIELDS["client_utt"]
    assert service.health()["name"] == "description"
    with pytest.raises(ServiceError, match="502 backend_unavailable: no model at http://llm"):
        service.post(FIELDS | {"client_utt": "fail"})


def test_openapi_declares_three_types_of_body_and_every_error(url):
    operation = requests.get(f"{url}/openapi.json", timeout=60).json()["paths"]["/describe"]["post"]
    assert operation["requestBody"]["content"].keys() == {"application/json", FORM, "multipart/form-data"}
    assert operation["responses"].keys() == {
        "200",
        "400",
        "403",
        "408",
        "413",
        "415",
        "422",
        "500",
        "502",
        "503",
        "504",
    }


SMILE = Text("Facial Expression Description: a smile\nContrasting Facial Expression Description: a frown")


def test_an_endpoint_that_hangs_on_one_request_does_not_hold_up_the_others():
    answered = threading.Event()

    def script(request):
        if "hang" in request.words:
            assert answered.wait(60)
        return SMILE

    with OpenAIServer(default=script) as llm:
        settings = DescriptionSettings(describer="openai", model="m", base_url=llm.url)
        with running(create_app(load(settings), settings)) as url, ThreadPoolExecutor(8) as threads:
            service = Service(url, "/describe", retries=0)
            asked = [
                threads.submit(service.post, {"history": "", "client_utt": words})
                for words in ["hang", *(f"hello {n}" for n in range(7))]
            ]
            assert [one.result()["expression"] for one in asked[1:]] == ["a smile"] * 7
            assert not asked[0].done()
            answered.set()
            assert asked[0].result()["expression"] == "a smile"


def test_an_endpoint_that_does_not_answer_in_time_is_told():
    with OpenAIServer(default=Slow()) as llm:
        settings = DescriptionSettings(describer="openai", model="m", base_url=llm.url, request_seconds=0.5)
        with running(create_app(load(settings), settings)) as url, pytest.raises(ServiceError, match="502|504"):
            Service(url, "/describe", retries=0).post({"history": "", "client_utt": "hello"})


@pytest.mark.slow
@pytest.mark.parametrize(
    "host, status",
    [("localhost:8002", 200), ("127.0.0.1", 200), ("[::1]:1", 200), ("evil.example", 403), ("[", 403), ("", 403)],
)
def test_without_a_token_only_this_machines_own_names_are_answered(host, status):
    with description_service(ScriptedDescriber()) as url:
        response = requests.get(f"{url}/health", headers={"Host": host}, timeout=60)
        assert response.status_code == status
        if status == 403:
            assert response.json()["error"] == "forbidden_host"
    with description_service(ScriptedDescriber(), "a-token") as url:
        assert requests.get(f"{url}/health", headers={"Host": host or "x"}, timeout=60).status_code in (200, 400)
