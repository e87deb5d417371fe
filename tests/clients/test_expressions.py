"""The table of expressions: its alternatives, kinds and stems as the lexicon gets them."""

from mirror.clients.expressions import KINDS, Sign, table


def signs(name, kind):
    return {sign.parts for sign in table().entries[name].signs if sign.kind == kind}


def test_alternatives_of_a_sign_are_signs_of_their_own():
    assert {("look", "floor"), ("star", "floor"), ("star", "lap")} <= signs("sad", "gestures")
    assert not any("/" in part for entry in table().entries.values() for sign in entry.signs for part in sign.parts)


def test_every_sign_is_of_its_entry_and_of_a_kind():
    for name, entry in table().entries.items():
        assert entry.signs and {sign.expression for sign in entry.signs} == {name}
        assert {sign.kind for sign in entry.signs} <= set(KINDS)


def test_a_feeling_says_more_than_a_face_and_that_more_than_a_gesture():
    assert KINDS == ("words", "signs", "gestures")
    assert Sign("tired", ("tir",), "words") in table().entries["tired"].signs
    assert ("yawn",) in signs("tired", "signs") and ("sigh",) in signs("tired", "gestures")


def test_a_word_that_is_read_as_another_stands_in_no_sign():
    parts = {part for entry in table().entries.values() for sign in entry.signs for part in sign.parts}
    assert not parts & {word for word, kept in table().same.items() if word != kept}
