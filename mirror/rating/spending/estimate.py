"""What a rating run will cost: questions, tokens, dollars. From its prompts before it begins, then as measured."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from mirror.chat.messages import Message
from mirror.chat.prices import IMAGE, expected_prompt_tokens, expected_tokens
from mirror.rating.judge import Case
from mirror.rating.prompts import system_prompt
from mirror.rating.questions import Question, QuestionKey
from mirror.rating.settings import RateSettings
from mirror.rating.spending.budget import Cost, RatingBudget

# The usual length of a judge's reason: one or two sentences.
REASON = (
    "The counselor notices what the client feels and stays with it. The belief behind it is named once and not "
    "examined any further."
)
RULES_OF_THUMB = "a token per 4 characters, a reason of two sentences"
NAMES = {"read": "tokens read", "written": "tokens written"}


def estimate(
    settings: RateSettings,
    questions: Sequence[Question],
    answers: Mapping[QuestionKey, Cost],
    asked: RatingBudget,
    unasked: Sequence[Question],
) -> pd.DataFrame:
    """Estimates a rating run from its questions and the answers that are there.

    Before there is an answer with known tokens, prompts are taken to have a token per four characters. Then both kinds
    of tokens are scaled by what the answers of the same instrument came to.

    Args:
        settings: of the run.
        questions: all of them.
        answers: those that are on disk, by question.
        asked: what the run has spent so far.
        unasked: the questions that will be asked.

    Returns:
        One row per quantity: what, so far, in all, at most. A judge without tokens has the row of questions alone.
    """
    rows = [("questions", *(f"{count:,}" for count in (len(questions) - len(unasked), len(questions), len(questions))))]
    if settings.judge != "openai":
        return _table(rows)
    by_rule = {question.key: expected(question.case) for question in questions}
    scales = _scales(questions, answers, by_rule)
    rest = most = _NOTHING
    for question in unasked:
        read, written = by_rule[question.key]
        name = question.case.instrument.name
        by = scales.get(name, (1.0, 1.0))
        rest = (rest[0] + read * by[0], rest[1] + written * by[1])
        most = (most[0] + settings.attempts * read * max(by[0], 1.0), most[1] + settings.attempts * settings.max_tokens)
    columns = [
        replace(asked, read=round(asked.read + more[0]), written=round(asked.written + more[1]))
        for more in (_NOTHING, rest, most)
    ]
    rows += [(name, *(f"{getattr(column, of):,}" for column in columns)) for of, name in NAMES.items()]
    rows += [("dollars", *(f"{column.dollars:,.4g}" for column in columns))] if asked.price else []
    rows += _limits(columns[1], len(questions))
    known = sum(question.case.instrument.name in scales for question in unasked)
    basis = RULES_OF_THUMB if not known else "the answers so far"
    return _table([*rows, ("basis", "answers on disk", basis, "the token limit, every attempt")])


def expected(case: Case) -> tuple[float, float]:
    """The tokens that a question and its answer are expected to have."""
    messages = [Message("system", system_prompt()), Message("user", case.prompt)]
    images = sum(len(paths) for paths in case.faces)
    answer = {"reason": REASON, **{item: values[0] for item, values in case.choices.items()}}
    return expected_prompt_tokens(messages) + images * IMAGE, expected_tokens(json.dumps(answer))


_NOTHING = (0.0, 0.0)


def _table(rows: Sequence[tuple[str, ...]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["what", "so far", "in all", "at most"])


def _limits(in_all: RatingBudget, questions: int) -> list[tuple[str, ...]]:
    """Each limit with the number of questions for which it is expected to last."""
    return [
        (
            name,
            "",
            f"{limit:,.10g}: for some {min(1, limit / max(in_all.amounts[name], limit)) * questions:.0f} questions",
            "",
        )
        for name, limit in in_all.most.items()
    ]


def _scales(
    questions: Sequence[Question],
    answers: Mapping[QuestionKey, Cost],
    ruled: Mapping[QuestionKey, tuple[float, float]],
) -> dict[str, tuple[float, float]]:
    """By instrument, what the answered questions came to, in what was expected of them."""
    sums: dict[str, list[float]] = {}
    for question in questions:
        found = answers.get(question.key)
        if found and found.prompt_tokens and found.completion_tokens:
            of_it = sums.setdefault(question.case.instrument.name, [0.0] * 4)
            for place, amount in enumerate((found.prompt_tokens, found.completion_tokens, *ruled[question.key])):
                of_it[place] += amount
    return {name: (read / by_rule, written / of_rule) for name, (read, written, by_rule, of_rule) in sums.items()}
