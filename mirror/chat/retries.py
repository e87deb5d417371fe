"""Asks a chat model again, each time with another seed, until a parser accepts its answer.

Knows neither prompts nor seeds: the caller derives both from the request and the number of the attempt.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mirror.chat.chat_error import is_worth_another
from mirror.chat.messages import Completion, total

Request = TypeVar("Request")
Value = TypeVar("Value")


class RejectedAnswer(ValueError):
    """A parser cannot use an answer. The message says why."""


@dataclass(frozen=True)
class Attempts:
    """What the model gave for one request.

    Attributes:
        answers: one per attempt, in order; an exception where an attempt gave no completion. Never empty.
    """

    answers: tuple[Completion | Exception, ...]

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def last(self) -> Completion | Exception:
        """The answer of the last attempt."""
        return self.answers[-1]

    @property
    def completions(self) -> list[Completion]:
        """The answers without the exceptions."""
        return [answer for answer in self.answers if isinstance(answer, Completion)]

    @property
    def prompt_tokens(self) -> int | None:
        """Sum over the completions; None where nothing was counted."""
        return total([completion.prompt_tokens for completion in self.completions])

    @property
    def completion_tokens(self) -> int | None:
        """Sum over the completions; None where nothing was counted."""
        return total([completion.completion_tokens for completion in self.completions])


@dataclass(frozen=True)
class Accepted(Generic[Value]):
    """A request whose last answer the parser accepted.

    Attributes:
        value: what the parser returned.
        completion: the answer that it accepted.
        attempts: all answers, the accepted one last.
    """

    value: Value
    completion: Completion
    attempts: Attempts

    @property
    def rejected(self) -> tuple[str, ...]:
        """The texts of the completions that the parser rejected, in order."""
        return tuple(completion.text for completion in self.attempts.completions[:-1])


class NoneAccepted(RuntimeError):
    """A request without a usable answer: the parser rejected the last one, or the last attempt gave an exception.

    Attributes:
        attempts: all answers.
        last: the answer of the last attempt: a completion that was rejected, or the exception.
    """

    def __init__(self, message: str, attempts: Attempts) -> None:
        super().__init__(message)
        self.attempts = attempts
        self.last = attempts.last

    @property
    def rejected(self) -> tuple[str, ...]:
        """The texts of the completions that the parser rejected, in order."""
        return tuple(completion.text for completion in self.attempts.completions)


def ask_until_valid(
    requests: Sequence[Request],
    ask: Callable[[Sequence[Request], int], Sequence[Completion | Exception]],
    parse: Callable[[Request, Completion], Value],
    attempts: int,
    is_retryable: Callable[[Exception], bool] = is_worth_another,
) -> list[Accepted[Value] | NoneAccepted]:
    """The accepted answer to each request, in order; NoneAccepted in place of a request that got none.

    Every attempt is one batch of the requests that are still open.

    Args:
        requests: what is asked; any type.
        ask: answers the given requests in order, for the attempt of the given number (from 1), from which it derives
            the seeds. An exception among its answers is that request's alone; one that it raises is not caught.
        parse: reads the answer to a request; raises RejectedAnswer for one that it cannot use.
        attempts: how often a request is asked at most, ≥ 1.
        is_retryable: whether another attempt is worthwhile after this exception; if not, the request ends with it.

    Raises:
        ValueError: `attempts` is below 1, or `ask` returned more or fewer answers than requests.
    """
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, found {attempts}")
    answers: list[tuple[Completion | Exception, ...]] = [() for _ in requests]
    results: dict[int, Accepted[Value] | NoneAccepted] = {}
    for attempt in range(1, attempts + 1):
        places = [place for place in range(len(requests)) if place not in results]
        if not places:
            break
        given = ask([requests[place] for place in places], attempt)
        for place, answer in zip(places, given, strict=True):
            answers[place] += (answer,)
            so_far, is_last = Attempts(answers[place]), attempt == attempts
            if isinstance(answer, Exception):
                if is_last or not is_retryable(answer):
                    results[place] = NoneAccepted(str(answer), so_far)
                continue
            try:
                results[place] = Accepted(parse(requests[place], answer), answer, so_far)
            except RejectedAnswer as error:
                if is_last:
                    results[place] = NoneAccepted(str(error), so_far)
    return [results[place] for place in range(len(requests))]
