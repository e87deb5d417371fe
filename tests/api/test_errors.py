"""Every fault as one JSON form: its code decides the status, and nothing of the inside is told."""

import asyncio
import json

import httpx2
import pytest
from fastapi import FastAPI
from starlette.requests import ClientDisconnect

from api.batching import BatchFailed, Busy, TimedOut
from api.errors import CODES, OF_ANY_BODY, Refusal, answer_errors_as_json, declared

RAISED = {
    "refusal": Refusal("empty_text", "say something", {"X-Why": "empty"}),
    "busy": Busy("64 requests are under way"),
    "slow": TimedOut("no answer within 60 s"),
    "gone": ClientDisconnect(),
    "batch": BatchFailed("the secret of the batch"),
    "fault": RuntimeError("the secret of the fault"),
}


@pytest.fixture(scope="module")
def app():
    app = FastAPI()
    answer_errors_as_json(app)

    @app.get("/{name}")
    async def raise_(name: str):
        raise RAISED[name]

    return app


def answer(app, method, path):
    async def ask():
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path)

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("refusal", "empty_text", "say something"),
        ("busy", "busy", "64 requests are under way; try again in a moment"),
        ("slow", "timed_out", "no answer within 60 s; try again, or give --request-seconds a larger value"),
        ("gone", "invalid_request", "the body was cut off"),
        ("batch", "internal_error", "a fault inside the service, not of the request; its log on the server holds the"),
        ("fault", "internal_error", "a fault inside the service, not of the request; its log on the server holds the"),
    ],
)
def test_a_fault_has_the_status_of_its_code_and_a_sentence(name, code, message, app):
    found = answer(app, "GET", f"/{name}")
    assert found.status_code == CODES[code][0]
    assert found.json().keys() == {"error", "message"} and found.json()["error"] == code
    assert found.json()["message"].startswith(message) and "secret" not in found.text
    assert found.headers.get("retry-after") == ("1" if code == "busy" else None)
    assert found.headers.get("x-why") == ("empty" if name == "refusal" else None)


@pytest.mark.parametrize(
    ("method", "path", "code"), [("POST", "/fault", "method_not_allowed"), ("GET", "/a/b", "not_found")]
)
def test_what_is_not_routed_names_the_paths(method, path, code, app):
    found = answer(app, method, path)
    assert (found.status_code, found.json()["error"]) == (CODES[code][0], code)
    assert found.json()["message"].endswith(
        f"{method} {path} is nothing that this service does; its paths are /{{name}}"
    )


def test_a_refusal_is_an_answer_by_itself():
    response = Refusal("unauthorized", "who are you?").response
    assert response.status_code == 401
    assert json.loads(response.body) == {"error": "unauthorized", "message": "who are you?"}


def test_codes_that_share_a_status_are_declared_together():
    found = declared("body_too_large", "too_many_pixels", "busy")
    assert found.keys() == {413, 503}
    assert found[413]["description"] == "; ".join(
        f"`{code}`: {CODES[code][1]}" for code in ("body_too_large", "too_many_pixels")
    )


def test_codes_of_any_body_are_known_and_statuses_say_whose_fault_it_is():
    assert set(OF_ANY_BODY) <= CODES.keys() and len(set(OF_ANY_BODY)) == len(OF_ANY_BODY)
    assert all(400 <= status < 600 and meaning for status, meaning in CODES.values())
    assert {code for code, (status, _) in CODES.items() if status >= 500} == {
        "internal_error",
        "backend_unavailable",
        "busy",
        "timed_out",
    }
