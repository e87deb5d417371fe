"""Budgets for the memory that all requests together may hold, such as bytes of uploads or pixels."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from api.batching import Busy


class Share:
    """The amount of a budget that one request holds."""

    def __init__(self, budget: "Budget") -> None:
        """Holds nothing yet."""
        self._budget, self._amount = budget, 0

    def take(self, amount: int) -> None:
        """Takes `amount` more, without waiting: a waiting request would hold what the others wait for.

        Raises:
            Busy: less than `amount` is free.
        """
        budget = self._budget
        if budget.taken + amount > budget.total:
            raise Busy(f"the requests under way hold {budget.taken} of {budget.total} {budget.unit}")
        budget.taken += amount
        self._amount += amount

    def give_back(self) -> None:
        """Returns all that this request holds."""
        self._budget.release(self._amount)
        self._amount = 0


class Budget:
    """An amount that all requests share.

    Attributes:
        total: the amount.
        unit: of the amount, for messages.
        taken: what the requests hold now.
    """

    def __init__(self, total: int, unit: str) -> None:
        """Nothing is taken yet."""
        self.total, self.unit, self.taken = total, unit, 0
        self._freed = asyncio.Event()
        self._turn = asyncio.Lock()

    @contextlib.contextmanager
    def share(self) -> Iterator[Share]:
        """A share that grows by `take`, until the end of the context or until it is given back."""
        share = Share(self)
        try:
            yield share
        finally:
            share.give_back()

    @contextlib.asynccontextmanager
    async def held(self, amount: int, seconds: float) -> AsyncIterator[None]:
        """Waits until `amount` is free, first come, first served, and holds it until the end of the context.

        Raises:
            Busy: it did not become free within `seconds`.
        """
        try:
            async with asyncio.timeout(seconds), self._turn:
                while self.taken + amount > self.total:
                    self._freed.clear()
                    await self._freed.wait()
                self.taken += amount
        except TimeoutError:
            raise Busy(f"the requests under way hold {self.taken} of {self.total} {self.unit}") from None
        try:
            yield
        finally:
            self.release(amount)

    def release(self, amount: int) -> None:
        """Returns `amount`, and wakes the request that waits first."""
        self.taken -= amount
        self._freed.set()
