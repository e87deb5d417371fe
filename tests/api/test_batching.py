"""Batches: what comes together is worked on together, each gets its own answer, and no fault outlives its batch."""

import asyncio
import gc
import threading
import weakref

import pytest

from api.batching import Batcher, BatchFailed, Busy, TimedOut


class Work:
    """Doubles numbers. Waits before each batch until `gate` is open; raises for a negative, disowns a zero."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)
        self.batches = []

    def __call__(self, items):
        self.batches.append(items)
        self.begun.release()
        assert self.gate.wait(60)
        if min(items) < 0:
            raise StopIteration("negative")  # of all exceptions the one that no asyncio future takes
        return [ValueError("zero") if item == 0 else 2 * item for item in items]

    async def until_begun(self):
        await asyncio.to_thread(self.begun.acquire)


def run(test, work=None, max_batch=4, max_wait=0.0, places=64, patience=60.0):
    """Runs the coroutine function `test(batcher, work)` with an open batcher; the work's batches."""

    async def main():
        async with Batcher(work, max_batch, max_wait, places, patience) as batcher:
            await test(batcher, work)

    work = work or Work()
    asyncio.run(main())
    return work.batches


def test_each_item_gets_its_own_answer():
    async def test(batcher, work):
        assert await asyncio.gather(*map(batcher.submit, range(1, 41))) == list(range(2, 82, 2))

    batches = run(test)
    assert sum(batches, []) == list(range(1, 41)) and max(map(len, batches)) == 4


def test_what_comes_while_the_worker_is_busy_becomes_full_batches():
    async def test(batcher, work):
        work.gate.clear()
        first = asyncio.create_task(batcher.submit(1))
        await work.until_begun()
        others = [asyncio.create_task(batcher.submit(item)) for item in range(2, 12)]
        await asyncio.sleep(0)
        work.gate.set()
        assert await asyncio.gather(first, *others) == list(range(2, 24, 2))
        assert (batcher.batches, batcher.items) == (4, 11)

    assert [len(batch) for batch in run(test)] == [1, 4, 4, 2]


def test_the_first_item_waits_for_company():
    async def test(batcher, work):
        first = asyncio.create_task(batcher.submit(1))
        await asyncio.sleep(0)
        await asyncio.gather(first, *map(batcher.submit, (2, 3, 4)))

    assert run(test, max_wait=3600) == [[1, 2, 3, 4]]  # full: it waits no longer


def test_it_waits_no_longer_than_it_is_told():
    async def test(batcher, work):
        assert await batcher.submit(1) == 2

    assert run(test, max_wait=0.01) == [[1]]


def test_an_exception_in_place_of_an_answer_belongs_to_its_item():
    async def test(batcher, work):
        answers = await asyncio.gather(*map(batcher.submit, (1, 0, 3)))
        assert answers[::2] == [2, 6] and isinstance(answers[1], ValueError)

    assert len(run(test, max_wait=0.05)) == 1


@pytest.mark.parametrize("bad", [-1, "text"], ids=["raised by the work", "of a type nobody foresaw"])
def test_an_item_for_which_the_work_raises_fails_alone(bad, caplog):
    """The rest of its batch is answered, and so is the next."""

    async def test(batcher, work):
        answers = await asyncio.gather(*map(batcher.submit, (1, bad, 3)), return_exceptions=True)
        assert answers[::2] == [2, 6] and type(answers[1]) is BatchFailed
        assert "negative" not in str(answers)
        assert await batcher.submit(5) == 10

    batches = run(test, max_wait=0.05, max_batch=3)
    assert batches == [[1, bad, 3], [1], [bad], [3], [5]]
    assert "Traceback" in caplog.text and "a batch of 3 failed" in caplog.text


def test_nothing_is_kept_of_an_item_that_nobody_waits_for():
    """Items are decoded pictures: behind a model that hangs they would pile up."""

    class Item:
        pass

    async def main():
        gate = threading.Event()
        async with Batcher(lambda items: [gate.wait(60) for _ in items], 1, 0, 64, 0.02) as batcher:
            first, second = Item(), Item()
            seen = weakref.ref(second)
            asked = [asyncio.create_task(batcher.submit(item)) for item in (first, second)]
            del second
            answers = await asyncio.gather(*asked, return_exceptions=True)
            kinds = [type(answer) for answer in answers]
            del asked, answers
            gc.collect()
            kept = seen() is not None
            gate.set()
        assert kinds == [TimedOut, TimedOut] and not kept

    asyncio.run(main())


def test_too_few_answers_are_a_fault():
    """They would go to the wrong items."""

    async def test(batcher, work):
        with pytest.raises(BatchFailed):
            await batcher.submit(1)

    async def main():
        async with Batcher(lambda items: [], 1, 0, 1, 60) as batcher:
            await test(batcher, None)

    asyncio.run(main())


def test_who_goes_away_leaves_the_others_their_answers():
    async def test(batcher, work):
        work.gate.clear()
        in_work, waiting, last = (asyncio.create_task(batcher.submit(item)) for item in (1, 2, 3))
        await work.until_begun()
        in_work.cancel()
        waiting.cancel()
        await asyncio.sleep(0)
        work.gate.set()
        assert await last == 6

    assert run(test, max_batch=1) == [[1], [3]]  # nothing is done for those who left before their turn


def test_a_late_answer_is_a_time_out_and_the_next_item_is_served():
    async def test(batcher, work):
        work.gate.clear()
        with pytest.raises(TimedOut, match="within 0.02 seconds"):
            await batcher.submit(1)
        batcher.patience = 60
        work.gate.set()
        assert await batcher.submit(2) == 4

    run(test, patience=0.02)


def test_places_run_out_and_come_back():
    async def test(batcher, work):
        with batcher.place(), batcher.place():
            with pytest.raises(Busy, match="all 2 places"), batcher.place():
                pass
        with pytest.raises(KeyError), batcher.place():
            raise KeyError
        with batcher.place(), batcher.place():
            pass

    run(test, places=2)


def test_what_is_waiting_at_the_end_is_answered():
    answers = []

    async def ask(batcher, item):
        answers.append(await batcher.submit(item))

    async def main():
        work = Work()
        async with Batcher(work, 2, 0, 64, 60) as batcher:
            work.gate.clear()
            asked = [asyncio.create_task(ask(batcher, item)) for item in range(1, 6)]
            await work.until_begun()
            work.gate.set()
        await asyncio.gather(*asked)

    asyncio.run(main())
    assert sorted(answers) == [2, 4, 6, 8, 10]


def test_with_several_at_once_a_batch_that_hangs_does_not_hold_up_the_next():
    async def test():
        work = Work()
        work.gate.clear()
        async with Batcher(work, 1, 0.0, 64, 60.0, at_once=2) as batcher:
            asked = [asyncio.create_task(batcher.submit(item)) for item in (1, 2, 3)]
            await work.until_begun()
            await work.until_begun()  # the second began while the first still waits; the third has to wait
            assert sorted(work.batches) == [[1], [2]]
            work.gate.set()
            assert await asyncio.gather(*asked) == [2, 4, 6]

    asyncio.run(test())
