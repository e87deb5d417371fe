"""The graded lexicon: how far a sign goes, one flag per kind, and what it finds in planted utterances."""

import time

import pytest

from mirror.risk.flag import Flag
from mirror.risk.graded import DEGREES, GradedLexicon
from mirror.risk.lexicon import RiskLexicon
from tests.risk_lexicon import FILES, kinds_found, read_planted

LEXICON = GradedLexicon()


def found(planted):
    return list(zip(planted, kinds_found(LEXICON, planted), strict=True))


def test_the_utterances_are_as_declared():
    fitted, held_out = map(read_planted, FILES)
    assert len(fitted) == 400 and len(held_out) == 120 and len({one.utterance for one in fitted + held_out}) == 520
    assert sum(one.kind == "none" for one in fitted) == 200 and sum(one.kind == "none" for one in held_out) == 60
    risky = {(one.kind, one.degree) for one in fitted if one.kind != "none"}
    assert risky == {(kind, degree) for kind in RiskLexicon().kinds for degree in DEGREES}


def test_what_the_phrases_were_made_for_is_found():
    """Of the list that the phrases fit; says nothing of other words."""
    risky = [(one, kinds) for one, kinds in found(read_planted(FILES[0])) if one.kind != "none"]
    assert sum(one.kind in kinds for one, kinds in risky) >= 0.9 * len(risky)


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_few_harmless_utterances_are_flagged(file):
    harmless = [kinds for one, kinds in found(read_planted(file)) if one.kind == "none"]
    assert sum(map(bool, harmless)) <= 0.05 * len(harmless)


def test_the_gravest_sign_of_a_kind_counts():
    text = "I see no future. I hope that I never wake up. I have been saving pills for it."
    assert [(flag.kind, flag.degree) for flag in LEXICON.flags(text)] == [("self_harm", "plan")]
    assert [flag.degree for flag in LEXICON.flags("I see no future. I hope that I never wake up.")] == ["passive"]


def test_a_sign_that_only_building_knows_is_active():
    text = "I am going to hang myself."
    assert RiskLexicon().flags(text) and [flag.degree for flag in LEXICON.flags(text)] == ["active"]


def test_kinds_stand_in_their_order_each_once():
    text = "Should I stop taking my medication? My husband hits me. I want to die. He hits me when he drinks."
    assert [flag.kind for flag in LEXICON.flags(text)] == ["self_harm", "abuse", "medical_advice"]


def test_texts_are_read_in_order():
    assert LEXICON.read(["Hello.", "I want to die.", "Hello."]) == [
        (),
        (Flag("self_harm", "want to die", "active"),),
        (),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["want to ", "he said he would ", "never ", "my ", "knife "])
def test_a_long_text_takes_no_longer_than_its_length(piece):
    start = time.process_time()
    LEXICON.flags(piece * 20_000)
    assert time.process_time() - start < 5
