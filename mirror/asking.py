"""Asks many questions concurrently and keeps every answer the moment it arrives. Knows no endpoint and no prompt."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from threading import Lock
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


def ask_all(
    questions: Sequence[Question],
    answer: Callable[[Question], Answer],
    concurrency: int,
    keep: Callable[[Question, Answer], None],
    is_last: Callable[[Answer], bool],
) -> Iterator[tuple[Question, Answer]]:
    """Asks the questions concurrently, and yields each with its answer as soon as it is there.

    Every answer is passed to `keep` at once, even if the consuming loop ends: no answer that was paid for is lost. No
    more questions are asked if an answer cannot be kept (the disk is full, say), or after an answer that `is_last`
    says is the last. Questions under way are then answered, kept and yielded, too.

    Args:
        questions: In the order in which they are asked.
        answer: Answers a question; called concurrently.
        concurrency: The maximum number of concurrent questions.
        keep: Writes an answer; never called concurrently.
        is_last: Whether no further question should be asked after this answer; called right after `keep`.
    """
    lock = Lock()
    not_kept: list[Exception] = []
    is_over = False

    def ask(question: Question) -> tuple[Answer] | None:
        """The answer; None if no question is asked any more."""
        nonlocal is_over
        if not_kept:
            raise not_kept[0]
        if is_over:
            return None
        given = answer(question)
        with lock:
            try:
                keep(question, given)
            except Exception as error:
                not_kept.append(error)
                raise
            is_over |= is_last(given)
        return (given,)

    threads = ThreadPoolExecutor(concurrency)
    try:
        asked: dict[Future[tuple[Answer] | None], Question] = {threads.submit(ask, one): one for one in questions}
        for future in as_completed(asked):
            if found := future.result():
                yield asked[future], found[0]
    finally:
        threads.shutdown(wait=True, cancel_futures=True)
