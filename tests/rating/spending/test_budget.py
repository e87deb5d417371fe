"""A rating run that its budget stops: no answer is lost, none begins afterwards, and it goes on where it stopped."""

import pytest

from mirror.chat.prices import Price
from mirror.rating.judge import Judgment
from mirror.rating.settings import RateSettings
from mirror.rating.spending.budget import RatingBudget
from mirror.settings.errors import SettingsError
from tests.rating_budget import stop_at_random_moments


@pytest.mark.slow
def test_a_budget_that_is_reached_at_any_moment_loses_no_answer(output):
    first, *stops = stop_at_random_moments(output, moments=2)
    assert all(share == pytest.approx(1, abs=0.2) for share in first["estimate"].values())
    assert len(stops) == 2 and all(one["estimate"] == pytest.approx(1, abs=0.2) for one in stops)


def answer(read, written):
    return Judgment("rated", {}, "", "", 1, read, written)


def test_a_limit_is_reached_once_as_much_is_spent():
    budget = RatingBudget({"budget_dollars": 0.003, "budget_tokens": 2000}, Price(1, 2))
    budget.count(answer(1000, 400))
    assert budget.used_up == "" and budget.dollars == pytest.approx(0.0018)
    budget.count(answer(None, None))  # the endpoint did not say
    budget.count(answer(400, 400))
    assert budget.used_up == "budget_dollars: 0.003 (spent 0.003), budget_tokens: 2,000 (spent 2,200)"
    assert budget.facts() == {"prompt_tokens": 1400, "completion_tokens": 800, "dollars": 0.003}


def test_a_run_says_how_far_it_came_only_if_something_is_left():
    budget = RatingBudget({"budget_tokens": 10}, read=11)
    assert budget.stopped(0, 5) == ""
    assert budget.stopped(3, 1200) == (
        "The budget is used up, budget_tokens: 10 (spent 11). 3 of 1,200 questions were not asked. Start the same run "
        "again with a larger budget to go on."
    )
    assert RatingBudget(read=11).stopped(3, 5) == "" and RatingBudget().facts() == {
        "prompt_tokens": 0,
        "completion_tokens": 0,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"judge": "rules", "instruments": "helpfulness", "prices": "", "budget_tokens": 5}, "counts what a model"),
        ({"budget_dollars": 1.0, "prices": ""}, "budget_dollars needs the price of the judge; add m to prices"),
        ({"budget_dollars": 0.0}, "budget_dollars"),
        ({"budget_tokens": 0}, "budget_tokens"),
    ],
)
def test_a_budget_that_cannot_be_kept_is_refused(changes, message):
    values = {"runs": "", "sessions": 0, "instruments": "ctrs", "wording": "", "judge": "openai", "judge_model": "m"}
    values |= {"judge_url": "http://127.0.0.1:1/v1", "structured": "text", "temperature": 0.7, "max_tokens": 9}
    values |= {"repeats": None, "attempts": 1, "faces": False, "pairs": False, "seed": 1, "concurrency": 1}
    values |= {"timeout": 1.0, "retries": 0, "prices": "m 1/2", "run": None, "fresh": False}
    with pytest.raises(SettingsError, match=message):
        RateSettings.checked(values | changes, "parameter", check_files=False)
