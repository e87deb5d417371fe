"""Gathers items that arrive at the same time into batches for worker threads. Independent of HTTP and of models."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

log = logging.getLogger(__name__)


class Busy(RuntimeError):
    """All places of the queue are taken."""


class TimedOut(RuntimeError):
    """The answer was not ready in time."""


class BatchFailed(RuntimeError):
    """The work raised for an item that was processed alone; the log holds the cause."""


@dataclass
class Waiting(Generic[Item, Answer]):
    """An item in the queue, and the future of its answer."""

    item: Item | None  # None once nobody waits for it any more: it may be large
    answer: asyncio.Future[Answer | Exception]


class Batcher(Generic[Item, Answer]):
    """A queue in front of worker threads; open inside its asynchronous context.

    If the work raises on a batch, each of its items is processed again alone, so that only the items fail that raise by
    themselves.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Sequence[Answer | Exception]],
        max_batch: int,
        max_wait: float,
        places: int,
        patience: float,
        at_once: int = 1,
    ) -> None:
        """Starts nothing yet.

        Args:
            work: the batch method of a model: one answer per item, in order. An exception object among the answers is
                the answer to its item alone.
            max_batch: items per batch at most.
            max_wait: seconds that the first item of a batch waits for others.
            places: requests between arrival and answer at most.
            patience: seconds that an item waits for its answer.
            at_once: batches that are processed at a time: one for a model in this process, many for a remote one.
        """
        self.at_once = at_once
        self.work, self.max_batch, self.max_wait, self.patience = work, max_batch, max_wait, patience
        self.places, self.taken = places, 0
        self.batches, self.items = 0, 0  # so far

    async def __aenter__(self) -> Self:
        """Starts the threads."""
        self._queue: asyncio.Queue[Waiting[Item, Answer] | None] = asyncio.Queue()
        self._threads = ThreadPoolExecutor(self.at_once, thread_name_prefix="batches")
        self._free = asyncio.Semaphore(self.at_once)
        self._open = True
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Answers what is waiting, then stops the threads."""
        self._queue.put_nowait(None)
        await self._running
        self._threads.shutdown()

    @property
    def queued(self) -> int:
        """Items that wait for a place in a batch."""
        return self._queue.qsize()

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """Holds a place in the queue. Taken before an upload is read, it bounds the memory of all uploads together.

        Raises:
            Busy: there is no place left.
        """
        if self.taken >= self.places:
            raise Busy(f"all {self.places} places of the queue are taken")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1

    async def submit(self, item: Item) -> Answer | Exception:
        """The answer to `item`, processed in one batch with the other waiting items.

        Raises:
            TimedOut: there is no answer within `patience`.
            BatchFailed: the work raised for this item.
        """
        waiting: Waiting[Item, Answer] = Waiting(item, asyncio.get_running_loop().create_future())
        del item  # the traceback of a timeout keeps this frame alive as long as the queue holds the future
        self._queue.put_nowait(waiting)
        try:
            async with asyncio.timeout(self.patience):
                answer = await waiting.answer
        except TimeoutError:
            raise TimedOut(f"no answer within {self.patience:g} seconds") from None
        finally:
            waiting.item = None
        if isinstance(answer, BatchFailed):
            raise answer
        return answer

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as under_way:
            while self._open:
                await self._free.acquire()  # before gathering: items that arrive meanwhile join the batch
                if batch := await self._gather():
                    under_way.create_task(self._work(batch))
                else:
                    self._free.release()

    async def _work(self, batch: list[Waiting[Item, Answer]]) -> None:
        batch = [waiting for waiting in batch if not waiting.answer.done()]
        answers: Sequence[Answer | Exception] = []
        if batch:
            self.batches, self.items = self.batches + 1, self.items + len(batch)
            items = [waiting.item for waiting in batch if waiting.item is not None]
            answers = await asyncio.get_running_loop().run_in_executor(self._threads, self._answers, items)
        self._free.release()
        for waiting, answer in zip(batch, answers, strict=True):
            if not waiting.answer.done():  # the caller may have left by now
                waiting.answer.set_result(answer)

    async def _gather(self) -> list[Waiting[Item, Answer]]:
        """The first item and those that join it in time, without those that nobody waits for any more."""
        batch: list[Waiting[Item, Answer]] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None) as limit:
                while len(batch) < self.max_batch:
                    waiting = await self._queue.get()
                    if waiting is None:
                        self._open = False
                        break
                    if waiting.answer.done():
                        continue
                    if not batch:
                        limit.reschedule(asyncio.get_running_loop().time() + self.max_wait)
                    batch.append(waiting)
        return batch

    def _answers(self, items: list[Item]) -> Sequence[Answer | Exception]:
        """One answer per item, whatever the work does: an item that fails must not fail the others."""
        try:
            answers = self.work(items)
            if len(answers) != len(items):
                raise RuntimeError(f"{len(answers)} answers for {len(items)} items")
        except Exception:
            log.exception("a batch of %d failed%s", len(items), "; each is tried again alone" * (len(items) > 1))
        else:
            return answers
        if len(items) == 1:
            return [BatchFailed("the work on this item failed")]
        return [answer for item in items for answer in self._answers([item])]
