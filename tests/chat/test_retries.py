"""Asking a chat model again until a parser accepts its answer."""

import pytest

from mirror.chat.messages import Completion, NoAnswer
from mirror.chat.retries import Accepted, NoneAccepted, RejectedAnswer, ask_until_valid


def completion(text, tokens=1):
    return Completion(text, tokens, tokens, "m", "stop")


def number(_, answer):
    try:
        return int(answer.text)
    except ValueError:
        raise RejectedAnswer(f"no number: {answer.text}") from None


class Script:
    """Gives each request its answers in turn, and keeps which requests each attempt asked."""

    def __init__(self, **answers):
        self.answers, self.batches = answers, []

    def ask(self, requests, attempt):
        self.batches.append((attempt, list(requests)))
        return [self.answers[request][attempt - 1] for request in requests]


def test_every_attempt_asks_only_the_requests_that_are_still_open():
    script = Script(a=[completion("1")], b=[completion("x"), completion("2")], c=[completion("3")])
    results = ask_until_valid("abc", script.ask, number, attempts=3)
    assert script.batches == [(1, ["a", "b", "c"]), (2, ["b"])]
    assert [result.value for result in results] == [1, 2, 3]
    assert [len(result.attempts) for result in results] == [1, 2, 1]


def test_an_accepted_answer_keeps_the_rejected_ones_and_the_tokens_of_all():
    script = Script(a=[completion("x", 5), NoAnswer("only reasoning"), completion("7", 3)])
    (result,) = ask_until_valid("a", script.ask, number, attempts=3)
    assert isinstance(result, Accepted)
    assert (result.value, result.completion.text, result.rejected) == (7, "7", ("x",))
    assert len(result.attempts) == 3
    assert (result.attempts.prompt_tokens, result.attempts.completion_tokens) == (8, 8)


def test_tokens_that_nobody_counted_are_none():
    (result,) = ask_until_valid("a", Script(a=[completion("7", None)]).ask, number, attempts=1)
    assert result.attempts.prompt_tokens is None


def test_a_request_that_is_never_accepted_says_why_and_keeps_its_answers():
    script = Script(a=[completion("x"), completion("y")])
    (result,) = ask_until_valid("a", script.ask, number, attempts=2)
    assert isinstance(result, NoneAccepted)
    assert str(result) == "no number: y"
    assert result.last == completion("y") and result.rejected == ("x", "y")


def test_an_exception_that_is_not_retryable_ends_its_request_alone():
    fault = ConnectionError("gone")
    script = Script(a=[fault], b=[completion("x"), completion("2")])
    first, second = ask_until_valid("ab", script.ask, number, attempts=2)
    assert isinstance(first, NoneAccepted) and first.last is fault and len(first.attempts) == 1
    assert second.value == 2


def test_a_retryable_exception_in_the_last_attempt_is_the_result():
    fault = NoAnswer("only reasoning")
    (result,) = ask_until_valid("a", Script(a=[completion("x"), fault]).ask, number, attempts=2)
    assert isinstance(result, NoneAccepted) and result.last is fault and result.rejected == ("x",)


def test_the_caller_can_say_which_exceptions_are_retryable():
    script = Script(a=[ConnectionError("gone"), completion("1")])
    (result,) = ask_until_valid("a", script.ask, number, 2, is_retryable=lambda e: isinstance(e, ConnectionError))
    assert result.value == 1


def test_other_errors_of_a_parser_are_not_caught():
    with pytest.raises(ZeroDivisionError):
        ask_until_valid("a", Script(a=[completion("1")]).ask, lambda *_: 1 / 0, attempts=2)


def test_nothing_is_asked_without_requests():
    script = Script()
    assert ask_until_valid("", script.ask, number, attempts=2) == [] and not script.batches


def test_a_missing_answer_is_an_error():
    with pytest.raises(ValueError, match="zip"):
        ask_until_valid("ab", lambda *_: [completion("1")], number, attempts=2)


def test_at_least_one_attempt_is_needed():
    with pytest.raises(ValueError, match="attempts must be at least 1, found 0"):
        ask_until_valid("a", Script().ask, number, attempts=0)
