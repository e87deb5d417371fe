"""The estimate of a rating run: from the prompts, then from the answers of the same instrument."""

import pytest

from tests.openai_server import OpenAIServer
from tests.rated_runs import write_run
from tests.rating_budget import counted, judging, records


@pytest.fixture
def server():
    with OpenAIServer(default=counted) as server:
        yield server


def row(run, name):
    return run.estimate().set_index("what").loc[name].tolist()


def test_before_the_first_answer_nothing_is_spent_and_the_most_is_every_attempt(server, output):
    folder = write_run(output, "rated", ["60", "61"])
    run = judging(server, folder, budget_tokens=1000, attempts=2, max_tokens=100)
    assert row(run, "questions") == ["0", "4", "4"]
    assert row(run, "tokens written")[::2] == ["0", "800"]
    read = [int(cell.replace(",", "")) for cell in row(run, "tokens read")]
    assert read[0] == 0 and read[2] == 2 * read[1]
    assert row(run, "budget_tokens")[1].startswith("1,000: for some ") and not server.requests
    assert row(run, "basis") == [
        "answers on disk",
        "a token per 4 characters, a reason of two sentences",
        "the token limit, every attempt",
    ]


def test_answers_scale_what_is_left_and_a_complete_run_costs_what_it_did(server, output):
    folder = write_run(output, "rated", ["60", "61"])
    judging(server, folder, sessions=1).rate()
    spent = sum(line.prompt_tokens for line in records(folder))
    run = judging(server, folder, sessions=0)
    before, total, _ = (int(cell.replace(",", "")) for cell in row(run, "tokens read"))
    assert before == spent and total == pytest.approx(2 * spent, rel=0.02)
    assert row(run, "basis")[1] == "the answers so far"
    run.rate()
    assert row(run, "tokens read")[0] == row(run, "tokens read")[1] == row(run, "tokens read")[2]
    assert row(run, "questions") == ["4", "4", "4"]


def test_the_offline_judge_costs_nothing(server, output):
    folder = write_run(output, "rated", ["60"])
    run = judging(server, folder, judge="rules", judge_model="", repeats=1, prices="", structured="text", run="r")
    assert run.estimate().to_numpy().tolist() == [["questions", "0", "1", "1"]]
