"""Slips of spelling: which words are corrected, and which stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror.clients.spelling import correct, inflected

KNOWN = inflected({"tired", "cry", "sob", "smile", "disappoint", "embarrassed", "anxious", "glad"})
SLIPS = {
    "tierd": "tired",  # swapped
    "cryng": "crying",  # missing
    "sobbbing": "sobbing",  # too many
    "smilling": "smiling",
    "disapointed": "disappointed",
    "dissapointed": "disappointed",  # two slips in a long word
    "embarassed": "embarrassed",
}


@pytest.mark.parametrize("word", SLIPS)
def test_a_slip_is_corrected(word):
    assert correct(word, KNOWN) == SLIPS[word]


@pytest.mark.parametrize("word", ["tried", "glass", "sad", "crx", "mired", "smells", "something", "appointment", ""])
def test_other_words_stay(word):
    assert correct(word, KNOWN - {"tired"}) == word


@pytest.mark.parametrize("word", sorted(KNOWN))
def test_a_known_word_stays(word):
    assert correct(word, KNOWN) == word


def test_regular_inflections_are_known():
    assert {"cries", "cried", "crying", "sobbed", "sobbing", "smiles", "smiled", "smiling"} <= KNOWN
    assert not {"tireds", "tireding"} & KNOWN


@given(st.text(alphabet="abcdefgilnmoprstuy", max_size=30))
def test_what_comes_out_is_the_word_or_a_known_one(word):
    assert correct(word, KNOWN) in KNOWN | {word}
