"""Keys of the environment: what is cleaned, what is refused unseen, and what no text may hold."""

import base64

import pytest

from mirror.secrets import (
    clean_secret,
    masked,
    secret_faults,
    separate_urls,
    url_faults,
    url_faults_of_environment,
)

KEY = "sk-proj-very-secret-0123456789"
OUTER = ["\r", "\n", "\r\n", " ", "\t", "\u00a0", "\ufeff", "\u200b", "\u2060", "'", '"', "`", "“", "”", "„", "«", "‘"]


@pytest.mark.parametrize("outer", OUTER, ids=map(ascii, OUTER))
def test_what_surrounds_a_key_by_accident_goes(outer):
    assert clean_secret(outer + KEY + outer, "A_KEY") == clean_secret(KEY + outer, "A_KEY") == KEY


def test_several_of_them_go_together():
    assert clean_secret(f'\ufeff “ "{KEY}" ”\r\n', "A_KEY") == KEY
    assert clean_secret(None, "A_KEY") == clean_secret(' ""\r\n', "A_KEY") == ""


INNER = {
    "\n": "a line end",
    " ": "a blank",
    "\t": "a blank",
    "é": "beyond ASCII",
    "\u200b": "beyond ASCII",
    '"': "a quote",
}


@pytest.mark.parametrize("inner, kind", INNER.items(), ids=map(ascii, INNER))
def test_what_stands_inside_is_refused_unseen(inner, kind, monkeypatch):
    monkeypatch.setenv("A_KEY", f"sk-proj{inner}very-secret")
    (fault,) = secret_faults("A_KEY")
    assert fault.startswith("A_KEY must be one word") and kind in fault
    assert not [part for part in ("sk-", "proj", "very", "secret") if part in fault]


def test_no_form_of_a_key_is_shown():
    forms = (KEY, base64.b64encode(KEY.encode()).decode(), base64.b64encode(f":{KEY}".encode()).decode())
    for form in forms:
        assert masked(f"no such key {form}, try again", KEY) == "no such key …, try again"
    assert masked("no such key a%2Fb%2Bc", "a/b+c") == "no such key …"


def test_the_beginning_of_a_key_is_not_shown_either():
    assert masked(f"no such key {KEY[:20]}", KEY) == "no such key …"
    assert masked(f"{KEY[:13]}, {KEY[:25]}…", KEY) == "…, ……"
    assert masked("sk-proj is a kind of key", KEY) == "sk-proj is a kind of key"


def test_without_a_secret_a_text_stays():
    assert masked("as it is", "", None) == "as it is"


def test_urls_are_separated_by_commas_each_once():
    assert separate_urls(" http://a/v1 ,http://b/v1,, http://a/v1,") == ["http://a/v1", "http://b/v1"]
    assert separate_urls("http://a/v1") == ["http://a/v1"] and separate_urls(" , ") == []


@pytest.mark.parametrize(
    "text", [",", "http://a,ftp://b", "http://a http://b", "http://u:12,34@b", "http://a,http://b?k=1"]
)
def test_each_of_several_urls_is_checked(text):
    (fault,) = url_faults("judge_url", text, "KEY")
    assert fault.startswith("judge_url ") and "http://a" not in fault
    assert url_faults("judge_url", "http://a/v1, http://b:1", "KEY") == []


def test_only_some_variables_may_name_several_servers(monkeypatch):
    monkeypatch.setenv("SOME_URL", "http://a:1,http://b:2")
    assert url_faults_of_environment("SOME_URL", KEY, several=True) == []
    assert url_faults_of_environment("SOME_URL", KEY) == [
        "SOME_URL must read http://host:port/path (its value is not shown)"
    ]
