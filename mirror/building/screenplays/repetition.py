"""Repetition in one line: of words, of parts of speech, and of a profile's sentences."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from mirror.building.screenplays.parts_of_speech import PUNCTUATION, Tagger

_WORD = re.compile(r"[^\W_]+(?:['’ʼ-][^\W_]+)*")
_TOKEN = re.compile(r"[^\W_]+(?:['’ʼ-][^\W_]+)*|[^\w\s]")
_CONTRACTION = re.compile(r"(?i)(.+?)(n['’]t|['’](?:s|m|re|ve|ll|d))")
_SENTENCE_END = re.compile(r"(?<=[.!?…;])[\"'”’)\]]*\s+|\n+")


@dataclass(frozen=True)
class Run:
    """Words in a row with the same part of speech."""

    tag: str
    words: tuple[str, ...]


@dataclass(frozen=True)
class ProfileSentences:
    """The sentences of a profile in a normal form: lower-case words, with a space before and after each.

    Attributes:
        fields: the words of each field.
        sentences: those of each sentence that is long enough, of the fields that describe the client.
        starts: the first words of every place in a field, as many as make a copied sentence.
    """

    fields: tuple[str, ...]
    sentences: frozenset[str]
    starts: frozenset[tuple[str, ...]]


def share_of_unique(words: str) -> tuple[float, int]:
    """The share of different words (regardless of case) in a line, 0…1, and the number of words; 1 without any."""
    found = _words(words)
    return (len(set(found)) / len(found) if found else 1.0), len(found)


def longest_run(words: str, tagger: Tagger, most: int) -> Run | None:
    """The longest run of more than `most` words with the same part of speech; None if there is none.

    Punctuation ends a run, and words of unknown kind (`X`) make none.
    """
    tokens = [part for token in _TOKEN.findall(words) for part in _split(token)]
    unbroken = max((len(list(run)) for is_word, run in groupby(tokens, _is_word) if is_word), default=0)
    if unbroken <= most:  # tagging takes most of the time
        return None
    pairs = [
        (tag if _is_word(token) else PUNCTUATION, token) for tag, token in zip(tagger.tag(tokens), tokens, strict=True)
    ]
    runs = [
        Run(tag, tuple(token for _, token in run))
        for tag, run in groupby(pairs, lambda pair: pair[0])
        if tag not in (PUNCTUATION, "X")
    ]
    longest = max(runs, key=lambda run: len(run.words), default=None)
    return longest if longest and len(longest.words) > most else None


def profile_sentences(described: Iterable[str], thought: str, copied_words: int) -> ProfileSentences:
    """Prepare a profile for `copied_sentence`.

    Args:
        described: the fields that describe the client.
        thought: the distorted thought. It is what the session is about, and may be quoted within a sentence.
        copied_words: as for `copied_sentence`.
    """
    described = tuple(described)
    words = [_words(field) for field in (*described, thought)]
    starts = {
        tuple(one[place : place + copied_words])
        for one in words
        for place in range(len(one) - copied_words + 1)
        if copied_words
    }
    sentences = {
        _normal(sentence) for field in described for sentence, count in _sentences(field) if count >= copied_words
    }
    return ProfileSentences(tuple(map(_joined, words)), frozenset(sentences), frozenset(starts))


def copied_sentence(words: str, profile: ProfileSentences, copied_words: int) -> str:
    """The first sentence of a line that stands in the profile, or of the profile that stands in the line.

    Compared regardless of case, punctuation and white space; only sentences of at least `copied_words` words count.

    Returns:
        The sentence; empty if none is copied, or if `copied_words` is 0.
    """
    if not copied_words:
        return ""
    for sentence, count in dict.fromkeys(_sentences(words)):
        normal = _words(sentence)
        if count >= copied_words and tuple(normal[:copied_words]) in profile.starts:
            if any(_joined(normal) in field for field in profile.fields):
                return sentence
    line = _normal(words)
    return next((sentence.strip() for sentence in sorted(profile.sentences) if sentence in line), "")


def _sentences(text: str) -> Iterator[tuple[str, int]]:
    """Yield each sentence of a text and its number of words."""
    for sentence in _SENTENCE_END.split(text):
        if sentence and (count := len(_WORD.findall(sentence))):
            yield sentence.strip(), count


def _normal(text: str) -> str:
    return _joined(_words(text))


def _words(text: str) -> list[str]:
    """The words of a text in a normal form."""
    return [word.replace("’", "'").replace("ʼ", "'") for word in _WORD.findall(text.casefold())]


def _joined(words: Sequence[str]) -> str:
    return f" {' '.join(words)} "


def _is_word(token: str) -> bool:
    return any(map(str.isalnum, token))


def _split(token: str) -> tuple[str, ...]:
    """Split a contraction as taggers are trained: `don't` is `do n't`."""
    found = _CONTRACTION.fullmatch(token)
    return (found[1], found[2].replace("’", "'")) if found else (token,)
