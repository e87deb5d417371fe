"""What writing has cost and will cost: requests, tokens and dollars, estimated before anything is asked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil

import pandas as pd

from mirror.building.screenplays.writing.commission import Request
from mirror.building.screenplays.writing.journal import WrittenRecord
from mirror.chat.prices import CHARACTERS, Price, expected_prompt_tokens

SESSION = 700  # tokens that a session is taken to have before any was written: 16 lines of some 40 tokens


@dataclass(frozen=True)
class WritingCost:
    """The cost of a run's sessions; dollars are None without a price.

    Attributes:
        requests: that have no answer yet, one per session.
        most_requests: if every attempt is needed.
        prompt_tokens: expected for the open requests.
        completion_tokens: expected for the open requests.
        most_prompt_tokens: with all attempts.
        most_completion_tokens: with all attempts, each up to the token limit.
        answers: that are on disk, also rejected ones.
        prompt_tokens_so_far: of these, as far as reported.
        completion_tokens_so_far: of these, as far as reported.
        rule: how the expected numbers were found.
        price: of the model.
    """

    requests: int
    most_requests: int
    prompt_tokens: int
    completion_tokens: int
    most_prompt_tokens: int
    most_completion_tokens: int
    answers: int
    prompt_tokens_so_far: int
    completion_tokens_so_far: int
    rule: str
    price: Price | None

    @property
    def dollars(self) -> float | None:
        """Expected for the open requests."""
        return self.price.cost(self.prompt_tokens, self.completion_tokens) if self.price else None

    @property
    def most_dollars(self) -> float | None:
        """For the open requests at most."""
        return self.price.cost(self.most_prompt_tokens, self.most_completion_tokens) if self.price else None

    @property
    def dollars_so_far(self) -> float | None:
        """Of the answers on disk."""
        return self.price.cost(self.prompt_tokens_so_far, self.completion_tokens_so_far) if self.price else None

    def table(self) -> pd.DataFrame:
        """One row each for `so far`, `expected` and `at most`: requests, prompt_tokens, completion_tokens, dollars."""
        so_far = (self.answers, self.prompt_tokens_so_far, self.completion_tokens_so_far, self.dollars_so_far)
        expected = (self.requests, self.prompt_tokens, self.completion_tokens, self.dollars)
        most = (self.most_requests, self.most_prompt_tokens, self.most_completion_tokens, self.most_dollars)
        columns = ["requests", "prompt_tokens", "completion_tokens", "dollars"]
        index = pd.Index(["so far", "expected", "at most"], name="cost")
        return pd.DataFrame([so_far, expected, most], index, columns).astype({"dollars": float}).reset_index()


def writing_cost(
    requests: Sequence[Request],
    records: Collection[WrittenRecord],
    attempts: int,
    max_tokens: int,
    price: Price | None,
) -> WritingCost:
    """Estimates the cost of the open requests.

    Until answers have reported their tokens, a prompt is taken to have a token per four characters and eight more, and
    an answer 700 tokens. Then the means of the reported numbers are taken. Reasoning models use more than is expected.

    Args:
        requests: the next one of every session without an answer.
        records: the answers on disk.
        attempts: per session at most.
        max_tokens: limit on the tokens of an answer.
        price: of the model; for batches, that of batches.
    """
    counted = [
        (one.prompt_tokens, one.completion_tokens)
        for one in records
        if one.prompt_tokens is not None and one.completion_tokens is not None
    ]
    prompts = [expected_prompt_tokens(one.commission.messages) for one in requests]
    completion: float = min(SESSION, max_tokens)
    rule = f"a token per {CHARACTERS} characters of a prompt, {completion} tokens per session"
    if counted:
        measured, completion = (sum(column) / len(counted) for column in zip(*counted, strict=True))
        prompts = [ceil(measured)] * len(requests)
        rule = f"the means of {len(counted)} answers: {measured:.0f} tokens per prompt, {completion:.0f} per session"
    left = [attempts - one.attempt + 1 for one in requests]
    return WritingCost(
        requests=len(requests),
        most_requests=sum(left),
        prompt_tokens=sum(prompts),
        completion_tokens=ceil(completion * len(requests)),
        most_prompt_tokens=sum(tokens * times for tokens, times in zip(prompts, left, strict=True)),
        most_completion_tokens=max_tokens * sum(left),
        answers=len(records),
        prompt_tokens_so_far=sum(one.prompt_tokens or 0 for one in records),
        completion_tokens_so_far=sum(one.completion_tokens or 0 for one in records),
        rule=rule,
        price=price,
    )
