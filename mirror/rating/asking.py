"""Asks a judge the questions of a rating run, concurrently."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from mirror import asking
from mirror.rating.judge import Judge, Judgment
from mirror.rating.questions import Question
from mirror.rating.spending.budget import RatingBudget

REFUSED = 3  # refusals before the first answer, after which no more questions are asked


def ask_all(
    judge: Judge,
    questions: Sequence[Question],
    concurrency: int,
    keep: Callable[[Question, Judgment], None],
    budget: RatingBudget | None = None,
) -> Iterator[tuple[Question, Judgment]]:
    """Asks the questions concurrently, and yields each with its answer as soon as it is there.

    No more questions are asked if an answer cannot be kept, if the budget is used up, or if the endpoint refuses the
    first ones for a reason that concerns all questions and has answered none (a wrong key, say).

    Args:
        judge: Answers the questions.
        questions: In the order in which they are asked.
        concurrency: The maximum number of concurrent questions.
        keep: Writes an answer the moment it arrives; never called concurrently.
        budget: Counts every answer; None if there is none.
    """
    seen: Counter[str] = Counter()

    def is_last(answer: Judgment) -> bool:
        seen.update({"refused": answer.refused, "answered": answer.status != "failed"})
        if budget:
            budget.count(answer)
        is_used_up = budget is not None and bool(budget.used_up)
        return is_used_up or (seen["refused"] >= REFUSED and not seen["answered"])

    def answer(question: Question) -> Judgment:
        return judge.answer(question.case, question.seed)

    return asking.ask_all(questions, answer, concurrency, keep, is_last)


def failure_message(failures: Sequence[tuple[Question, Judgment]], questions: int, open_: int) -> str:
    """Describes the questions that failed.

    Args:
        failures: The questions with their answers.
        questions: The number of all questions of the run.
        open_: The number of questions that were not asked.
    """
    rest = f", and {open_} were not asked any more" if open_ else ""
    common = Counter(answer.raw for _, answer in failures if not answer.question_fault)
    lines = [f"  {count} times: {why}" for why, count in common.most_common(3)]
    for fault in dict.fromkeys(answer.question_fault for _, answer in failures if answer.question_fault):
        of_it = [(question, answer) for question, answer in failures if answer.question_fault == fault]
        sessions = ", ".join(sorted({f"{'/'.join(question.shown)}/{question.idx}" for question, _ in of_it}))
        lines.append(f"  {len(of_it)} times: {fault}, which concerns these sessions alone: {sessions}")
        lines.append(f"    {of_it[0][1].raw}")
    first = f"{len(failures)} of {questions} questions had no answer{rest}:"
    return "\n".join([first, *lines, "the others are on disk; start the same run again to ask only what is left"])
