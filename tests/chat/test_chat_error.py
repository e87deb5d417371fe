"""What the error of an endpoint says: the address, what happened, after how many tries, and what to do."""

import httpx2
import openai
import pytest

from mirror.chat.chat_error import SHOWN, ChatError, ChatErrors, is_worth_another, tries_of
from mirror.chat.errors import ServerError
from mirror.chat.messages import NoAnswer
from mirror.chat.wire import ResponseMessage
from mirror.services.http_client import UnusableAnswer

KEY = "sk-proj-very-secret-0123456789"
ERRORS = ChatErrors("http://host/v1", "some-model", KEY, retries=2, max_tokens_setting="client_max_tokens")
TOO_LONG = ServerError(400, "context_length_exceeded", (), (), "too many tokens")


def request(retries=0):
    return httpx2.Request("POST", "http://host/v1", headers={"x-stainless-retry-count": str(retries)})


def refused(status, text="no reason", code="", earlier=0, retries=0, **headers):
    response = httpx2.Response(status, headers=headers, request=request(retries))
    error = openai.APIStatusError("refused", response=response, body=None)
    return ERRORS.refused(error, ServerError(status, code, (), (), text), earlier)


@pytest.mark.parametrize("tries, said", [(1, "after 1 try; wait"), (3, "after 3 tries; wait")])
def test_an_error_names_endpoint_model_fault_and_advice(tries, said):
    error = ERRORS.error("went away", "wait", 503, tries)
    assert str(error) == f"http://host/v1: model some-model went away {said}"
    assert (error.status, error.tries, error.conversation_fault, error.garbled) == (503, tries, "", False)


def test_no_message_shows_the_key_or_an_endless_text():
    error = ERRORS.in_success(ServerError(502, "", (), (), f"Incorrect key {KEY} {'x' * 999}"), 200, 1)
    assert KEY not in str(error) and KEY not in repr(ERRORS)
    assert "x" * 200 in str(error) and "x" * SHOWN not in str(error)
    assert error.garbled and "ask again, or check the server's log" in str(error)


@pytest.mark.parametrize(
    ("message", "finish_reason", "reasoning", "says", "fault"),
    [
        ({}, "stop", "", "no text (finish_reason stop) after 1 try; ask again, with another seed or model", ""),
        ({}, None, "", "no text (finish_reason None)", ""),
        ({}, "length", "", "(finish_reason length) after 1 try; raise client_max_tokens, or turn", ""),
        ({}, "stop", "closed", "(finish_reason stop): its tokens went into reasoning after", ""),
        ({"reasoning": "hm"}, "stop", "", ": its tokens went into reasoning after 1 try; raise client_max_tokens", ""),
        ({"content": "Ye"}, "content_filter", "", "with a part of a text (finish_reason content_filter)", "filtered"),
        ({"content": "Ye"}, "error", "", "with a part of a text (finish_reason error)", ""),
        ({"refusal": "I cannot."}, "stop", "", "but with the refusal 'I cannot.' after", ""),
    ],
)
def test_an_answer_without_text_says_why(message, finish_reason, reasoning, says, fault):
    error = ERRORS.without_text(ResponseMessage(**message), finish_reason, reasoning, 200, 1)
    assert says in str(error) and error.conversation_fault == fault
    assert error.garbled is (finish_reason == "error") and error.refused is ("refusal" in message)


@pytest.mark.parametrize(
    ("error", "says", "tries"),
    [
        (refused(401), "answered 401 (no reason) after 1 try; set OPENAI_API_KEY", 1),
        (refused(503, earlier=1, retries=2), "after 4 tries; ask again later, or check the server's log", 4),
        (refused(418), "after 1 try; see above", 1),
        (refused(302, location="http://else/"), "it redirects to http://else/, where neither prompts nor keys", 1),
        (refused(429, code="insufficient_quota"), "this key has no credit left", 1),
        (refused(429, **{"retry-after": "600"}), "it asks to wait (Retry-After: 600), longer than the limit", 1),
        (refused(429, retries=2, **{"retry-after": "1"}), "after 3 tries; lower the concurrency", 3),
        (refused(400, "too many tokens"), "exceeds the model's context; use a model with a longer one, or lower", 1),
    ],
)
def test_a_refusal_says_what_to_do(error, says, tries):
    assert says in str(error) and error.tries == tries


def test_a_conversations_own_fault_is_told_apart_wherever_the_response_came_from():
    for error in (ERRORS.in_file(TOO_LONG), ERRORS.in_success(TOO_LONG, 200, 1), refused(400, "too many tokens")):
        assert error.conversation_fault == "too long" and "or lower client_max_tokens" in str(error)


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (openai.APITimeoutError(request()), "did not answer in time after 2 tries; raise the timeout"),
        (
            caused(openai.APIConnectionError(request=request()), OSError("refused")),
            "cannot be reached (refused) after 2 tries; is the server running?",
        ),
        (
            caused(openai.APIConnectionError(request=request()), UnusableAnswer("it is too long")),
            "cannot be used: it is too long after 2 tries; check what answers",
        ),
    ],
)
def test_an_endpoint_that_cannot_be_reached_says_how(error, says):
    found = ERRORS.unreachable(error, earlier_tries=1)
    assert says in str(found) and found.status is None


def test_tries_are_counted_from_the_librarys_header():
    assert tries_of(openai.APITimeoutError(request(2))) == 3
    assert tries_of(openai.APITimeoutError(httpx2.Request("POST", "http://host"))) == 1


def test_another_attempt_is_worthwhile_where_the_endpoint_itself_works():
    assert is_worth_another(NoAnswer()) and is_worth_another(ChatError("", 200, 1))
    assert not any(map(is_worth_another, (ChatError("", 429, 1), ChatError("", None, 1), ValueError())))
