"""Questions are asked together, and no answer is lost, however the asking ends."""

import threading

import pytest

from mirror.asking import ask_all


def never(_):
    return False


def test_questions_are_asked_together_and_each_answer_is_kept_once():
    barrier, kept = threading.Barrier(4), []

    def answer(question):
        barrier.wait(10)
        return question * 2

    found = dict(ask_all(range(8), answer, 4, lambda *pair: kept.append(pair), never))
    assert found == {question: question * 2 for question in range(8)} and sorted(kept) == sorted(found.items())


def test_after_the_last_answer_only_those_under_way_are_completed():
    asked, kept = [], []

    def answer(question):
        asked.append(question)
        return question

    found = list(ask_all(range(100), answer, 1, lambda *pair: kept.append(pair), lambda given: given == 3))
    assert {question for question, _ in found} == set(asked) == {question for question, _ in kept}
    assert asked == [0, 1, 2, 3]


def test_an_answer_is_kept_even_if_nobody_reads_on():
    kept = []
    answers = ask_all(range(3), lambda question: question, 3, lambda *pair: kept.append(pair), never)
    next(answers)
    answers.close()
    assert len(kept) >= 1 and kept[0][0] in range(3)


def test_nothing_more_is_asked_if_an_answer_cannot_be_kept():
    asked = []

    def keep(*_):
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        list(ask_all(range(50), lambda question: asked.append(question), 2, keep, never))
    assert len(asked) <= 4
