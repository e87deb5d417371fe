"""The budget of a rating run: counts every answer, and says when no other question may be asked.

A question that is under way is never stopped. So the budget is exceeded by no more than the questions that were under
way when it was reached: at most `concurrency`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mirror.chat.prices import Price, parse_prices
from mirror.rating.settings import RateSettings


class Cost(Protocol):
    """What was paid for: an answer, or its record; None where the endpoint did not say."""

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens read."""

    @property
    def completion_tokens(self) -> int | None:
        """Tokens written."""


@dataclass
class RatingBudget:
    """Limits of a rating run, and what it has spent so far; without limits, it only counts.

    Attributes:
        most: by the name of its parameter, `budget_dollars` or `budget_tokens`; those that are set.
        price: of the judge; None if unknown.
        read, written: tokens so far, in earlier parts of the run, too.
    """

    most: Mapping[str, float] = field(default_factory=dict)
    price: Price | None = None
    read: int = 0
    written: int = 0

    @classmethod
    def of(cls, settings: RateSettings, spent: Iterable[Cost] = ()) -> "RatingBudget":
        """The budget that the settings of a run give, with the answers that it has paid for."""
        names = ("budget_dollars", "budget_tokens")
        most = {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}
        budget = cls(most, parse_prices(settings.prices).get(settings.judge_model))
        for cost in spent:
            budget.count(cost)
        return budget

    def count(self, cost: Cost) -> None:
        """Adds one answer."""
        self.read += cost.prompt_tokens or 0
        self.written += cost.completion_tokens or 0

    @property
    def dollars(self) -> float:
        """What is spent; 0 without a price."""
        return self.price.cost(self.read, self.written) if self.price else 0.0

    @property
    def amounts(self) -> dict[str, float]:
        """What is spent, by the name of the parameter that limits it."""
        return {"budget_dollars": self.dollars, "budget_tokens": self.read + self.written}

    @property
    def used_up(self) -> str:
        """Which limit is reached, with the amount: `budget_dollars: 5 (spent 5.02)`; empty while there is none."""
        return ", ".join(
            f"{name}: {limit:,.10g} (spent {self.amounts[name]:,.6g})"
            for name, limit in self.most.items()
            if self.amounts[name] >= limit
        )

    def stopped(self, left: int, questions: int) -> str:
        """Says how far a run came that its budget stopped, and how to go on; empty if it did not.

        Args:
            left: the number of questions that were not asked.
            questions: the number of all questions.
        """
        if not left or not self.used_up:
            return ""
        return (
            f"The budget is used up, {self.used_up}. {left:,} of {questions:,} questions were not asked. Start the "
            "same run again with a larger budget to go on."
        )

    def facts(self) -> dict[str, float]:
        """Returns what is spent, for the record of a run."""
        tokens: dict[str, float] = {"prompt_tokens": self.read, "completion_tokens": self.written}
        return tokens | ({"dollars": round(self.dollars, 6)} if self.price else {})
