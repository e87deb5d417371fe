"""What all requests together may hold in memory, such as bytes of uploads or pixels. Knows nothing of HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from api.batching import Busy


class Share:
    """What one request holds of a budget."""

    def __init__(self, budget: "Budget") -> None:
        self._budget, self._amount = budget, 0

    def take(self, amount: int) -> None:
        """Takes `amount` more. Raises Busy where it is not left: who waited would hold what others wait for."""
        budget = self._budget
        if budget.taken + amount > budget.total:
            raise Busy(f"the requests under way hold {budget.taken} of {budget.total} {budget.unit}")
        budget.taken += amount
        self._amount += amount

    def give_back(self) -> None:
        self._budget.release(self._amount)
        self._amount = 0


class Budget:
    """An amount that is shared by all requests. `taken` is what they hold now."""

    def __init__(self, total: int, unit: str) -> None:
        self.total, self.unit, self.taken = total, unit, 0
        self._freed = asyncio.Event()
        self._turn = asyncio.Lock()

    @contextlib.contextmanager
    def share(self) -> Iterator[Share]:
        """Holds what is taken bit by bit, until the end of the context or until it is given back."""
        share = Share(self)
        try:
            yield share
        finally:
            share.give_back()

    @contextlib.asynccontextmanager
    async def held(self, amount: int, seconds: float) -> AsyncIterator[None]:
        """Waits until `amount` is free, first come, first served, and holds it until the end of the context.

        Raises Busy where it does not become free within `seconds`.
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
        self.taken -= amount
        self._freed.set()
