"""Repetition in a line: shares of words, runs of parts of speech, sentences of the profile."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.building.screenplays.repetition import copied_sentence, longest_run, profile_sentences, share_of_unique


class Initials:
    """A tagger whose tag is the first letter of the word."""

    name = "initials"

    def tag(self, words):
        return [word[0].upper() for word in words]


@pytest.mark.parametrize(
    "words, share, count",
    [
        ("No, no. NO!", 1 / 3, 3),
        ("I don't and I won't.", 4 / 5, 5),
        ("a-b a b", 1, 3),
        ("…", 1, 0),
        ("", 1, 0),
        ("don't don’t", 1 / 2, 2),
    ],
)
def test_the_share_of_different_words(words, share, count):
    assert share_of_unique(words) == (share, count)


def test_the_longest_run_is_found():
    run = longest_run("ant apple arm at, ape air also alone again bee", Initials(), 3)
    assert (run.tag, run.words) == ("A", ("ape", "air", "also", "alone", "again"))


@pytest.mark.parametrize("words", ["a a a", "a a a, a a a", "a a a b a a a", "", "x x x x x x", "... ... !!!!"])
def test_short_broken_and_unknown_runs_are_none(words):
    assert longest_run(words, Initials(), 3) is None


def test_contractions_are_two_words():
    assert longest_run("don't didn’t", Initials(), 1) is None  # do n't did n't
    assert longest_run("is I's", Initials(), 1).words == ("is", "I")


INFO = "Anna is a nurse who works at night. She lives alone."
REASON = "I have not slept well\nfor more than two months; it hurts."
THOUGHT = "If I fail once, everyone will leave me for good."
COPIED = {
    "word by word": "Well. I have not slept well for more than two months.",
    "case and marks": 'Hm, ok. "ANNA IS: a nurse - who works at night!" Yes.',
    "part of a sentence": "Who works at night, she lives alone.",
    "within a sentence": "You know, Anna is a nurse who works at night, as I said.",
    "the thought as a sentence": "If I fail once, everyone will leave me for good!",
    "half of the thought": "Everyone will leave me for good.",
}


@pytest.mark.parametrize("words", COPIED.values(), ids=COPIED)
def test_a_copied_sentence_is_found(words):
    assert copied_sentence(words, profile_sentences((INFO, REASON), THOUGHT, 6), 6)


OWN = {
    "short": "She lives alone.",
    "other words": "I have not slept well for more than three months.",
    "words of one in another": "I have not slept. Well, for more than two months now.",
    "the thought quoted": "And then you think that if I fail once, everyone will leave me for good?",
    "half words": "Ann is a nurse who works at nightfall.",
    "nothing": "",
}


@pytest.mark.parametrize("words", OWN.values(), ids=OWN)
def test_own_words_are_none(words):
    assert copied_sentence(words, profile_sentences((INFO, REASON), THOUGHT, 6), 6) == ""


def test_zero_allows_all():
    assert copied_sentence(INFO, profile_sentences((INFO, REASON), THOUGHT, 0), 0) == ""


@given(st.text(), st.text())
def test_any_text_is_read(words, field):
    share, _ = share_of_unique(words)
    assert 0 <= share <= 1
    copied_sentence(words, profile_sentences((field,), field, 2), 2)
    longest_run(words, Initials(), 2)


@given(st.lists(st.sampled_from("abcdef"), min_size=6, max_size=30).map(" ".join))
def test_a_copied_field_is_always_found(field):
    assert copied_sentence(field.upper(), profile_sentences((field,), "", 6), 6)


@pytest.mark.parametrize("piece", ["a ", "a. ", "a b c d e f. ", "' ", "a'", "-", ". ", '" '])
def test_a_very_long_text_takes_no_longer_than_its_length(piece):
    text = piece * (60_000 // len(piece))
    share_of_unique(text), longest_run(text, Initials(), 3)
    copied_sentence(text, profile_sentences((text + "g",), text, 6), 6)
