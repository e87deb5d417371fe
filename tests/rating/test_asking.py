"""Asking all questions of a rating run: what ends it early, and what the failures say."""

from collections import Counter
from types import SimpleNamespace

import pytest

from mirror.rating.asking import REFUSED, ask_all, failure_message
from mirror.rating.judge import Judgment

RATED = Judgment("rated", {"helpful": 3}, "because", "")
FAILED = Judgment("failed", {}, "", "the server is busy")
KEY = Judgment("failed", {}, "", "the key is wrong", refused=True)


def question(number, idx="60", shown=("a",)):
    return SimpleNamespace(case=number, seed=10 * number, idx=idx, shown=shown)


class Judge:
    """Gives the answers in turn, and the last one from then on."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def answer(self, case, seed):
        self.asked.append((case, seed))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def asked(judge, questions=8, keep=lambda question, answer: None):
    return [answer for _, answer in ask_all(judge, [question(n) for n in range(questions)], 1, keep)]


def test_every_question_is_asked_with_its_seed_and_kept_once():
    judge, kept = Judge(RATED), []
    answers = asked(judge, 3, lambda question, answer: kept.append((question.case, answer)))
    assert answers == [RATED] * 3 and kept == [(0, RATED), (1, RATED), (2, RATED)]
    assert judge.asked == [(0, 0), (1, 10), (2, 20)]


def test_an_endpoint_that_refuses_the_first_questions_is_asked_no_more():
    judge = Judge(KEY)
    assert asked(judge) == [KEY] * REFUSED and len(judge.asked) == REFUSED


@pytest.mark.parametrize(
    ("answers", "number"),
    [((RATED, KEY), 8), ((KEY, RATED, KEY), 8), ((FAILED,), 8), ((FAILED, KEY), 1 + REFUSED), ((KEY, FAILED), 8)],
)
def test_after_an_answer_or_for_other_faults_all_are_asked(answers, number):
    assert len(asked(Judge(*answers))) == number


def test_failures_are_counted_by_their_reason_and_the_commonest_three_are_told():
    reasons = Counter({"busy": 3, "slow": 2, "gone": 2, "rare": 1})
    failures = [(question(0), Judgment("failed", {}, "", reason)) for reason in reasons.elements()]
    assert failure_message(failures, 20, 4).splitlines() == [
        "8 of 20 questions had no answer, and 4 were not asked any more:",
        "  3 times: busy",
        "  2 times: slow",
        "  2 times: gone",
        "the others are on disk; start the same run again to ask only what is left",
    ]


def test_faults_of_single_sessions_name_these_and_show_one_error():
    def fault(kind, raw):
        return Judgment("failed", {}, "", raw, question_fault=kind)

    failures = [
        (question(0, "61"), fault("too long", "it has 9 tokens")),
        (question(1, "60", ("a", "b")), fault("too long", "it has 8 tokens")),
        (question(2, "61"), fault("too long", "it has 7 tokens")),
        (question(3, "62"), fault("filtered", "no")),
    ]
    assert failure_message(failures, 4, 0).splitlines()[:-1] == [
        "4 of 4 questions had no answer:",
        "  3 times: too long, which concerns these sessions alone: a/61, a/b/60",
        "    it has 9 tokens",
        "  1 times: filtered, which concerns these sessions alone: a/62",
        "    no",
    ]
