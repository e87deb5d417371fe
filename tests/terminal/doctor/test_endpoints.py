"""Keys and endpoints, with each broken in turn."""

import pytest

from mirror.terminal.doctor import endpoints
from mirror.terminal.doctor.targets import TARGETS
from tests.checks import one
from tests.openai_server import OpenAIServer

SECRET = "sk-not-to-be-shown-0123456789"
MODEL = "gpt-4o-mini"  # of the client in the published counseling


def test_a_key_that_is_not_set_is_asked_for_by_its_role(settings):
    check = one(endpoints.keys(settings))
    assert check.needed == "client gpt-4o-mini" and check.mend.startswith("export OPENAI_API_KEY=")


@pytest.mark.parametrize(
    "variable, value", [("OPENAI_API_KEY", SECRET), ("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")]
)
def test_a_key_or_a_server_is_enough_and_is_not_shown(settings, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    (check,) = endpoints.keys(settings)
    assert check.is_met and value not in str(check)


def test_a_key_that_cannot_be_sent_is_told_without_its_value(settings, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET} and more")
    check = one(endpoints.keys(settings))
    assert "must be one word" in check.mend and SECRET not in str(check)


def test_who_asks_no_endpoint_needs_no_key(settings):
    assert list(endpoints.keys(TARGETS["laptop"].counseling)) == []
    assert list(endpoints.keys(settings.model_copy(update={"client_url": "http://127.0.0.1:8000/v1"}))) == []


@pytest.fixture
def server(settings, monkeypatch):
    """A server whose address is in the environment, with the model of the client."""
    with OpenAIServer(models=("another", MODEL), key=SECRET) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", SECRET)
        yield server


def test_an_endpoint_that_answers_and_has_the_model_is_there(settings, server):
    (check,) = endpoints.endpoints(settings)
    assert check.is_met and check.needed == MODEL and server.requests == []  # no completion was asked for


def test_an_endpoint_that_is_not_there_is_told(settings, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    check = one(endpoints.endpoints(settings))
    assert check.name == "endpoint http://127.0.0.1:9/v1" and check.found == "no answer (ConnectError)"
    assert check.mend.startswith("start its server")


@pytest.mark.parametrize(
    "key, found", [("", "a key is asked for (401)"), (f"{SECRET}-of-old", "the key is refused (401)")]
)
def test_a_key_that_does_not_fit_is_told_and_not_shown(settings, server, monkeypatch, key, found):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    check = one(endpoints.endpoints(settings))
    assert check.found == found and check.mend.startswith("export OPENAI_API_KEY=") and SECRET not in str(check)


def test_an_address_without_its_end_is_told(settings, server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", server.url.removesuffix("/v1"))
    check = one(endpoints.endpoints(settings))
    assert check.found == "answers 404 at /models" and "up to /v1" in check.mend


def test_a_model_that_is_not_there_is_told_with_those_that_are(settings, server):
    server.models = ("a", "b", "c", "d", "e", "f")
    check = one(endpoints.endpoints(settings))
    assert check.found == f"has no {MODEL}; its models: a, b, c, d, e …"
    assert check.mend == "name one of its models: -p client_model NAME"


def test_a_page_is_no_endpoint(settings, server):
    server.list_of_models = b"<html>Welcome</html>"
    assert "not as an OpenAI-compatible server" in one(endpoints.endpoints(settings)).found


def test_every_server_of_a_role_is_asked(settings, server, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}, http://127.0.0.1:9/v1")
    assert [check.is_met for check in endpoints.endpoints(settings)] == [True, False]


def test_nobody_is_asked_without_need(settings, monkeypatch):
    """OpenAI's own address without a key, and any with a faulty one; then `keys` tells."""
    assert list(endpoints.endpoints(settings)) == [] == list(endpoints.endpoints(TARGETS["laptop"].counseling))
    monkeypatch.setenv("OPENAI_API_KEY", f"{SECRET} and more")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert list(endpoints.endpoints(settings)) == []
