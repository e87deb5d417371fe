"""The budget of a run: counts every turn, and says when no other may begin. Ends nothing itself.

A turn that is under way is never stopped. So the budget is exceeded by no more than the turns that were under way when
it was reached: at most one of each session that advances at the time (`concurrency`).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from time import perf_counter

from mirror.chat.prices import Price
from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.spent import Spent, dollars, priced_roles, tokens_of

SECONDS = 3600  # of an hour


@dataclass
class Budget:
    """Limits of a run, and what it has spent so far; without limits, it only counts.

    Attributes:
        most: by the name of its parameter: `budget_dollars`, `budget_tokens`, `budget_hours`; those that are set.
        prices: of the roles that are paid for.
        roles: behind endpoints, whose tokens count.
        spent: so far, in earlier parts of the run, too.
    """

    most: Mapping[str, float] = field(default_factory=dict)
    prices: Mapping[str, Price] = field(default_factory=dict)
    roles: Collection[str] = ()
    spent: Spent = field(default_factory=Spent)
    _since: float = field(default_factory=perf_counter)

    @classmethod
    def of(cls, settings: CounselSettings, spent: Spent) -> "Budget":
        """The budget that the settings of a run give, with what is spent of it."""
        names = ("budget_dollars", "budget_tokens", "budget_hours")
        most = {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}
        return cls(most, priced_roles(settings), tuple(settings.models), spent)

    def count(self, tokens: Mapping[str, int], seconds: float) -> None:
        """Adds one turn."""
        self.spent.add(tokens, seconds)

    def start(self) -> None:
        """Starts the clock: sessions are under way from now on."""
        self._since = perf_counter()

    def elapsed(self, turns: int) -> float:
        """Seconds per turn since this was last asked, or since the start, if `turns` turns ended now.

        Summed over all turns of a run this is the time that passed, however many sessions advance at a time. If none
        ended, the time is left for those that end next.
        """
        if not turns:
            return 0
        before, self._since = self._since, perf_counter()
        return (self._since - before) / turns

    @property
    def amounts(self) -> dict[str, float]:
        """What is spent, by the name of the parameter that limits it."""
        return {
            "budget_dollars": dollars(self.prices, self.spent.tokens),
            "budget_tokens": tokens_of(self.roles, self.spent.tokens),
            "budget_hours": self.spent.seconds / SECONDS,
        }

    @property
    def used_up(self) -> str:
        """Which limit is reached, with the amount: `budget_dollars: 5 (spent 5.02)`; empty while there is none."""
        amounts = self.amounts
        return ", ".join(
            f"{name}: {limit:,.10g} (spent {amounts[name]:,.6g})"
            for name, limit in self.most.items()
            if amounts[name] >= limit
        )
