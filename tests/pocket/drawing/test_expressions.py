"""Facial expressions: action units of a moment, and the feelings that name an expression."""

import pytest

from pocket.drawing.expressions import EXPRESSIONS, expression_of


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_moment_changes_how_much_moves_but_not_what(expression):
    typical = EXPRESSIONS[expression].units
    for seed in range(3):
        now = EXPRESSIONS[expression].instance(seed)
        for unit, value in vars(typical).items():
            assert 0.7 * abs(value) <= abs(getattr(now, unit)) <= min(1, 1.15 * abs(value))
            assert getattr(now, unit) * value >= 0


def test_no_feeling_belongs_to_two_expressions_and_contrasts_exist():
    feelings = [feeling for expression in EXPRESSIONS.values() for feeling in expression.feelings]
    assert len(feelings) == len(set(feelings)) == 36
    for expression in EXPRESSIONS.values():
        assert expression.contrast in EXPRESSIONS and expression.contrast != expression.name
        assert {expression_of(caption).name for caption in expression.captions} == {expression.name}


def test_a_feeling_counts_as_whole_words_only():
    assert expression_of("looks a bit SAD, then calm.").name == "sad"
    assert expression_of("Sadly, she is across the tired-looking street").name == "tired"
    assert expression_of("close the door") is None
    assert expression_of("You are close to tears, Anna.").name == "tearful"
    assert expression_of("") is None
