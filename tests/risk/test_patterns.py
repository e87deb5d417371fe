"""Patterns of words: how they are written, what they match, and that the shipped ones can match."""

import pytest
import yaml

from mirror.risk.lexicon import FILES
from mirror.risk.patterns import Patterns, Vocabulary, inflections, is_negated, masked, read_sentences, vocabulary

WORDS = Vocabulary(
    {
        "contractions": {"cant": "can not"},
        "fillers": ["really"],
        "clauses": ["but"],
        "negations": ["not", "never"],
        "undone": ["stop"],
        "words": {"pet": ["dog", "cat*"], "mine": ["my", "$pet"]},
    }
)


def found(pattern, text):
    return [
        " ".join(sentence.words[first:after])
        for sentence in read_sentences(text, WORDS)
        for _, first, after in Patterns({"a": [pattern]}, WORDS).matches(sentence.words)
    ]


MATCHES = [
    ("kick+ dog", "I kicked dog", ["kicked dog"]),
    ("kick|hit my $pet", "hit my cattle", ["hit my cattle"]),
    ("kick+ ~ $pet", "kicks the very old dog", ["kicks the very old dog"]),
    ("kick+ ~ $pet", "kicks one two three four dog", []),
    ("kick+ ~6 $pet", "kicks one two three four dog", ["kicks one two three four dog"]),
    ("kick+ ~ $pet", "kick but never the dog", []),
    ("kick+ the? dog", "kick dog", ["kick dog"]),
    ("kick+ the? dog", "kick the dog", ["kick the dog"]),
    ("kick+ ~ the? dog", "kick it dog", ["kick it dog"]),
    ("my dog <end>", "my dog. Ran", ["my dog"]),
    ("my dog <end>", "my dog ran", []),
    ("my ~ dog|<end>", "my old", ["my old"]),
    ("can not", "I really can't, can’t and cant", ["can not"] * 3),
    ("*ttle dog", "cattle dog", ["cattle dog"]),
    ("$mine ran", "cats ran. my ran", ["cats ran", "my ran"]),
]


@pytest.mark.parametrize("pattern, text, expected", MATCHES)
def test_a_pattern_matches(pattern, text, expected):
    assert found(pattern, text) == expected


@pytest.mark.parametrize("pattern", ["", "the? dog", "~ dog", "dog ~", "dog the?"])
def test_a_pattern_needs_a_first_and_a_last_word(pattern):
    with pytest.raises(ValueError, match="must begin and end"):
        Patterns({"a": [pattern]}, WORDS)


def test_an_unknown_list_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"no list \$bird; it has pet, mine"):
        Patterns({"a": ["$bird"]}, WORDS)


@pytest.mark.parametrize(
    "verb, forms",
    [("stab", {"stabbed", "stabbing", "stabs"}), ("die", {"dies", "died"}), ("carry", {"carries", "carried"})],
)
def test_regular_verbs_are_inflected(verb, forms):
    assert forms <= set(inflections(verb))


def test_words_keep_their_places_in_the_text():
    text = "Really, I can't:  stop!"
    (first, second) = read_sentences(text, WORDS)
    assert first.words == ("i", "can", "not") and [text[a:b] for a, b in first.spans] == ["I", "can't", "can't"]
    assert second.words == ("stop",) and not second.is_question


NEGATED = {
    "never kick": True,
    "never stop kick": False,
    "never but kick": False,
    "never, kick": False,
    "not one two three kick": True,
    "not one two three four kick": False,
}


@pytest.mark.parametrize("text, expected", NEGATED.items())
def test_a_negation_reaches_four_words_within_its_clause(text, expected):
    (sentence,) = read_sentences(text, WORDS)
    assert is_negated(sentence, sentence.words.index("kick"), WORDS) == expected


def test_masked_words_are_part_of_no_match():
    (sentence,) = read_sentences("kick the dog and the cat", WORDS)
    assert masked(sentence, Patterns({"a": ["kick the dog"]}, WORDS)) == ["_", "_", "_", "and", "the", "cat"]


@pytest.mark.parametrize("path", FILES.values(), ids=lambda path: path.name)
def test_no_shipped_pattern_needs_a_word_that_texts_are_read_without(path):
    unread = vocabulary().fillers | vocabulary().contractions.keys()
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    patterns = [text for entry in table.values() for group in entry.values() if group is not True for text in group]
    words = {word for text in patterns for element in text.split() for word in element.removesuffix("?").split("|")}
    assert words & unread == set() and len(patterns) > 60
