"""The lexicon of risk: what it must find, what only sounds like it, how far a sign goes, and who says it."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mirror.risk.flag import DEGREES, Flag
from mirror.risk.lexicon import RiskLexicon
from tests import DATA
from tests.risk_lexicon import FILES, kinds_found, read_planted

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
    assert SENTENCES.keys() == set(LEXICON.kinds) - {"harmful_answer", "promise"}


def test_the_planted_utterances_are_as_declared():
    planted = [read_planted(path) for path in FILES]
    for of_file in planted:
        assert len({one.utterance for one in of_file}) == len(of_file)
        risky = {(one.kind, one.degree) for one in of_file if one.kind != "none"}
        assert risky == {(kind, degree) for kind in SENTENCES for degree in DEGREES}


def test_what_the_patterns_were_made_with_is_found():
    """Says nothing of other words; `python -m tests.risk_lexicon` prints what is found there."""
    planted = read_planted(FILES[0])
    found = list(zip(planted, kinds_found(planted), strict=True))
    risky = [one.kind in kinds for one, kinds in found if one.kind != "none"]
    assert sum(risky) >= 0.9 * len(risky)
    assert not [one.utterance for one, kinds in found if one.kind == "none" and kinds]


def test_a_flag_quotes_the_words_of_the_text():
    text = "Well… I’m fine.  But some days I want to\tKILL  Myself."
    assert LEXICON.flags(text) == (Flag("self_harm", "KILL Myself", "active"),)


@pytest.mark.parametrize("text", ["I DON'T WANT TO LIVE ANYMORE", "i dont want to live", "I don`t want\u00a0to live"])
def test_case_apostrophes_and_spaces_do_not_matter(text):
    assert [flag.kind for flag in LEXICON.flags(text)] == ["self_harm"]


NEGATIONS = {
    "I would never kill myself.": False,
    "I am not going to kill myself.": False,
    "No, I want to kill myself.": True,
    "I never said that. I will kill myself.": True,
    "I can't stop thinking about killing myself.": True,
    "I don't know why I shouldn't kill myself.": True,
    "I have never told anyone that I want to kill myself.": True,
    "He has never hit me.": False,
    "I don't hear voices.": False,
}


@pytest.mark.parametrize("sentence, is_risk", NEGATIONS.items())
def test_a_negation_counts_within_its_clause_unless_it_is_taken_back(sentence, is_risk):
    assert bool(LEXICON.flags(sentence)) == is_risk


def test_a_harmless_pattern_hides_no_other_sign():
    found = LEXICON.flags("I was killing time, and then I thought I might kill myself.")
    assert [(flag.kind, flag.degree) for flag in found] == [("self_harm", "active")]


def test_a_sentence_about_fiction_shows_no_risk_of_its_own():
    assert LEXICON.flags("In the novel he hangs himself and she shoots her husband.") == ()
    assert LEXICON.flags("The film was long. I want to hang myself.") != ()


def test_the_gravest_sign_of_a_kind_counts():
    text = "I see no future. I hope that I never wake up. I have been saving pills for it."
    assert [(flag.kind, flag.degree) for flag in LEXICON.flags(text)] == [("self_harm", "plan")]
    assert [flag.degree for flag in LEXICON.flags("I see no future. I hope that I never wake up.")] == ["passive"]


def test_milder_signs_can_be_left_out():
    text = "I see no future."
    assert [flag.degree for flag in LEXICON.flags(text)] == ["hint"] and RiskLexicon("passive").flags(text) == ()


def test_kinds_stand_in_their_order_each_once():
    text = "Should I stop taking my medication? My husband hits me. I want to die. He hits me when he drinks."
    assert [flag.kind for flag in LEXICON.flags(text, "client")] == ["self_harm", "abuse", "medical_advice"]


BY_COUNSELORS = {
    "You should stop taking your pills.": ["medical_advice"],
    "Take two of the tablets before bed.": ["medical_advice"],
    "You clearly have borderline disorder.": ["medical_advice"],
    "You don't need to see a doctor.": ["medical_advice"],
    "I promise that everything will be fine.": ["promise"],
    "I won't tell anyone.": ["promise"],
    "It was your own fault.": ["harmful_answer"],
    "Everyone would be better off without you.": ["harmful_answer"],
    "The voices are real, listen to them.": ["harmful_answer"],
    "Are you thinking of killing yourself?": [],
    "Please ask your doctor before you change your medication.": [],
    "I can't promise that, but I am here now.": [],
    "That sounds hard. What happened then?": [],
}


@pytest.mark.parametrize("reply, kinds", BY_COUNSELORS.items())
def test_a_counselors_words_are_read_by_patterns_of_their_own(reply, kinds):
    assert [flag.kind for flag in LEXICON.flags(reply, "counselor")] == kinds


def test_a_client_is_not_read_as_a_counselor():
    text = "You clearly have borderline disorder."
    assert LEXICON.flags(text, "client") == () and LEXICON.flags(text, "counselor") != ()


def test_texts_are_read_in_order_and_by_speaker():
    found = LEXICON.read(["Hello.", "I want to die.", "I want to die."], ["client", "client", "counselor"])
    assert [len(flags) for flags in found] == [0, 1, 0]


@given(st.text())
def test_any_text_is_read_and_its_words_are_of_the_text(text):
    for flag in LEXICON.flags(text):
        assert flag.words in " ".join(text.split())


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["want to ", "i ", "never ", "kill ", "'", "a'", "you should ", "he said ", "\ud800"])
def test_a_text_four_times_as_long_takes_no_more_than_about_four_times_as_long(piece):
    spent = []
    for length in (1_000, 4_000):
        start = time.process_time()
        LEXICON.flags(piece * length)
        spent.append(time.process_time() - start)
    assert spent[1] < 10 * spent[0] + 0.5
