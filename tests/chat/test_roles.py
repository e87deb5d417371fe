"""Roles that a chat model plays: their models, and what is missing before anything is asked."""

from types import SimpleNamespace

import pytest

from mirror.chat.roles import endpoints_missing, models_of_roles, unnamed_models

ROLES = ("client", "describer")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def played(**changes):
    values = {"client": "openai", "client_model": "m", "client_url": ""}
    values |= {"describer": "lexicon", "describer_model": "", "describer_url": ""}
    return SimpleNamespace(**values | changes)


def test_models_behind_endpoints_are_those_of_roles_that_one_plays():
    assert models_of_roles(played(), ROLES) == {"client": "m"}
    assert models_of_roles(played(client="script", describer="local", describer_model="n"), ROLES) == {}


@pytest.mark.parametrize("kind", ["openai", "local"])
def test_a_chat_model_without_a_name_is_refused_by_its_role(kind):
    message = f"describer_model must name a model where describer is {kind}, found the empty text"
    assert unnamed_models(played(describer=kind), ROLES) == [message]
    assert unnamed_models(played(), ROLES) == []


def test_an_endpoint_needs_a_key_or_an_address(monkeypatch):
    message = "client is openai, and OPENAI_API_KEY is not set; set it, or give client_url"
    assert endpoints_missing(played(), ROLES) == [message]
    assert endpoints_missing(played(client_url="http://127.0.0.1:8000/v1"), ROLES) == []
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    assert endpoints_missing(played(), ROLES) == []


def test_an_address_from_the_environment_is_enough_and_is_checked_where_it_is_used(monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
    assert endpoints_missing(played(), ROLES) == []
    monkeypatch.setenv("OPENAI_BASE_URL", "127.0.0.1:8000")
    (fault,) = endpoints_missing(played(), ROLES)
    assert "OPENAI_BASE_URL" in fault
    assert endpoints_missing(played(client_url="http://127.0.0.1:8000/v1"), ROLES) == []


def test_where_no_role_asks_an_endpoint_a_broken_key_is_nobodys_fault(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "two words")
    assert endpoints_missing(played(client="script"), ROLES) == []
    (fault,) = endpoints_missing(played(), ROLES)
    assert "OPENAI_API_KEY must be one word" in fault and "two words" not in fault
