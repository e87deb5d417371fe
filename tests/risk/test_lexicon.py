"""The lexicon of risk: what it must find, and what only sounds like it."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mirror.risk.flag import Flag
from mirror.risk.lexicon import RiskLexicon
from tests import DATA

SENTENCES = yaml.safe_load((DATA / "risk_sentences.yaml").read_text(encoding="utf-8"))
HARMLESS = SENTENCES.pop("harmless")
RISKY = [(kind, sentence) for kind, sentences in SENTENCES.items() for sentence in sentences]
LEXICON = RiskLexicon()


@pytest.mark.parametrize("kind, sentence", RISKY)
def test_a_risk_is_found(kind, sentence):
    assert kind in [flag.kind for flag in LEXICON.flags(sentence)]


@pytest.mark.parametrize("sentence", HARMLESS)
def test_what_only_sounds_like_risk_is_not_flagged(sentence):
    assert LEXICON.flags(sentence) == ()


def test_there_are_enough_sentences_to_say_so():
    assert len(RISKY) >= 60 and len(HARMLESS) >= 60
    assert SENTENCES.keys() == set(LEXICON.kinds)


def test_a_flag_quotes_the_words_of_the_text():
    text = "Well… I’m fine.  But some days I want to\tKILL  Myself."
    assert LEXICON.flags(text) == (Flag("self_harm", "KILL Myself"),)


def test_case_apostrophes_and_line_ends_do_not_matter():
    for text in ("I DON'T WANT TO LIVE ANYMORE", "i dont want to live anymore", "I don`t want\u00a0to live anymore"):
        assert [flag.kind for flag in LEXICON.flags(text)] == ["self_harm"]


NEGATIONS = {
    "I would never kill myself.": False,
    "I am not going to kill myself.": False,
    "I never said that. I will kill myself.": True,
    "I can't stop thinking about killing myself.": True,
    "I don't know why I shouldn't kill myself.": True,
}


@pytest.mark.parametrize("sentence, is_risk", NEGATIONS.items())
def test_a_negation_counts_within_its_sentence_unless_it_is_taken_back(sentence, is_risk):
    assert bool(LEXICON.flags(sentence)) == is_risk


def test_a_harmless_phrase_hides_no_other_sign():
    assert LEXICON.flags("I was killing time, and then I thought I might kill myself.") == (
        Flag("self_harm", "kill myself"),
    )


def test_texts_are_read_in_order():
    found = LEXICON.read(["Hello.", "I want to die.", "Hello."])
    assert [len(flags) for flags in found] == [0, 1, 0]


@given(st.text())
def test_any_text_is_read_and_its_words_are_of_the_text(text):
    for flag in LEXICON.flags(text):
        assert flag.words in " ".join(text.split())


@pytest.mark.parametrize("piece", ["want to ", "i ", "never ", "kill ", "'", "a'", "you should ", "~", "\ud800"])
def test_a_long_text_takes_no_longer_than_its_length(piece):
    start = time.process_time()
    LEXICON.flags(piece * 20_000)
    assert time.process_time() - start < 5
