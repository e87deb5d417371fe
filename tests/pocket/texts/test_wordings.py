"""Wordings of expressions: no two expressions share one."""

from pocket.drawing.expressions import EXPRESSIONS
from pocket.texts.wordings import NEAREST, cues_of, descriptions_of, statements_of


def test_no_wording_speaks_of_two_expressions():
    for texts in (statements_of, lambda name: {shown for shown, _ in descriptions_of(name)}, cues_of):
        told = [text for name in EXPRESSIONS for text in texts(name)]
        assert len(told) == len(set(told))
    assert set(NEAREST.values()) <= EXPRESSIONS.keys() and not NEAREST.keys() & EXPRESSIONS.keys()
