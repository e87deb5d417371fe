"""Parts of speech: the tagger that brings its model along, and what happens where one is not installed."""

import sys

import pytest

from mirror.building.screenplays.parts_of_speech import TaggerError, load_tagger, universal


@pytest.fixture(scope="module")
def hanta():
    return load_tagger("hanta")


def test_words_of_a_sentence_are_tagged(hanta):
    words = "I can not stop thinking about the old house , but she does n't care .".split()
    tags = "PRON AUX PART VERB VERB ADP DET ADJ NOUN PUNCT CCONJ PRON VERB PART VERB PUNCT".split()
    assert hanta.tag(words) == tags


def test_any_word_is_tagged(hanta):
    words = ["", "42", "’", "💔", "é", "xqzzt", "\ud800", "a" * 200, "東京"]
    assert len(hanta.tag(words)) == len(words)
    assert hanta.tag([]) == []


def test_the_name_holds_the_version(hanta):
    assert hanta.name.startswith("hanta 1.")


@pytest.mark.parametrize(
    "tag, expected",
    [("NN2", "NOUN"), ("NP0", "PROPN"), ("VVI", "VERB"), ("VBZ", "AUX"), ("AVP", "ADP"), ("AV0", "ADV"), ("UNC", "X")],
)
def test_tags_are_universal(tag, expected):
    assert universal(tag) == expected


def test_none_is_no_tagger():
    assert load_tagger("none") is None


@pytest.mark.parametrize("name", ["nltk", "spacy", "spacy:", ""])
def test_an_unknown_tagger_is_refused(name):
    with pytest.raises(ValueError, match="must be hanta, spacy:<model> or none, found"):
        load_tagger(name)


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "HanTa", None)
    monkeypatch.setitem(sys.modules, "HanTa.HanoverTagger", None)
    with pytest.raises(TaggerError, match=r"HanTa, which is not installed: pip install '\.\[build\]'"):
        load_tagger("hanta")
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(TaggerError, match="spaCy, which is not installed"):
        load_tagger("spacy:en_core_web_sm")
