"""The estimate: by a stated rule first, by measured means as soon as there are any."""

from math import ceil

import pytest

from mirror.building.screenplays.writing.commission import Commission, Request
from mirror.building.screenplays.writing.cost import writing_cost
from mirror.building.screenplays.writing.journal import WrittenRecord
from mirror.chat.prices import Price
from tests.written_sessions import client

REQUESTS = [Request(Commission(client(n), "no"), attempt, n, str(n)) for n, attempt in ((1, 1), (2, 2))]


def record(prompt, completion):
    return WrittenRecord(
        idx="a", attempt=1, asked="d", seed=1, prompt_tokens=prompt, completion_tokens=completion, model="m"
    )


def test_before_any_answer_a_rule_is_stated():
    cost = writing_cost(REQUESTS, [], 2, 500, Price(2, 10))
    prompts = [ceil(len(one.commission.messages[0].content) / 4) + 8 for one in REQUESTS]
    assert (cost.requests, cost.most_requests) == (2, 3)
    assert (cost.prompt_tokens, cost.completion_tokens) == (sum(prompts), 2 * 500)  # the limit is below 700
    assert (cost.most_prompt_tokens, cost.most_completion_tokens) == (2 * prompts[0] + prompts[1], 1500)
    assert cost.dollars == pytest.approx((2 * sum(prompts) + 10 * 1000) / 1e6)
    assert "four" not in cost.rule and "4 characters" in cost.rule


def test_measured_means_count_as_soon_as_there_are_any():
    cost = writing_cost(REQUESTS, [record(100, 300), record(200, 401), record(None, None)], 2, 1024, Price(1, 1))
    assert (cost.prompt_tokens, cost.completion_tokens) == (300, 701)
    assert (cost.answers, cost.prompt_tokens_so_far, cost.completion_tokens_so_far) == (3, 300, 701)
    assert "2 answers" in cost.rule and cost.dollars_so_far == pytest.approx(1001 / 1e6)


def test_without_a_price_there_are_no_dollars():
    table = writing_cost(REQUESTS, [], 2, 1024, None).table()
    assert table["dollars"].isna().all() and list(table["requests"]) == [0, 2, 3]


def test_nothing_left_costs_nothing():
    cost = writing_cost([], [record(100, 300)], 2, 1024, Price(1, 1))
    assert cost.dollars == cost.most_dollars == 0
