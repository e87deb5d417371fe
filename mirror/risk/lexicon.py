"""Reads texts for risk by a list of phrases, without a model.

Knows words, not meanings: it misses what is said in other words, and it is no substitute for a trained reader. The
phrases are listed in `lexicon.yaml`.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml
from mirror.risk.flag import Flag

DATA = Path(__file__).with_name("lexicon.yaml")
GAP = 3  # words that `~` stands for, at most
NEGATION_REACH = 4  # words before a sign, within its sentence
_TOKEN = re.compile(r"[^\W_]+(?:-[^\W_]+)*|[.!?;:…\n]")
_APOSTROPHES = re.compile(r"(?<=\w)['’ʼ`](?=\w)")
_MASK = "_"  # a word that is part of a harmless phrase

Phrases = Mapping[str, tuple[re.Pattern[str], ...]]  # by their first word


@dataclass(frozen=True)
class _Kind:
    name: str
    signs: Phrases
    harmless: Phrases


@dataclass(frozen=True)
class _Sentence:
    """The words of one sentence in a normal form, each followed by a space, and where they are in the text."""

    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]


class RiskLexicon:
    """Finds the phrases of `lexicon.yaml` in texts, in time linear in their length.

    A sign counts neither within a harmless phrase (`killing time`) nor after a negation (`I would never …`) that
    nothing takes back (`I can't stop thinking about …`).
    """

    name = "lexicon"

    def __init__(self, table: Mapping[str, Any] | None = None) -> None:
        """Compiles a table of phrases.

        Args:
            table: as `phrases` returns one; None: that of `lexicon.yaml`.
        """
        words = phrases() if table is None else table
        self.negations, self.undone = frozenset(words["negations"]), frozenset(words["undone"])
        self._kinds = _shipped() if table is None else _compiled_kinds(table)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of risk that it knows."""
        return tuple(kind.name for kind in self._kinds)

    def flags(self, text: str) -> tuple[Flag, ...]:
        """The signs of risk in one text, sentence by sentence; signs of one kind do not overlap."""
        return tuple(
            Flag(kind.name, " ".join(text[start:end].split()))
            for sentence in _sentences(text)
            for kind in self._kinds
            for start, end in self._found(kind, sentence)
        )

    def read(self, texts: Sequence[str]) -> list[tuple[Flag, ...]]:
        """The signs of risk in each text; the same text is read once."""
        found = {text: self.flags(text) for text in set(texts)}
        return [found[text] for text in texts]

    def _found(self, kind: _Kind, sentence: _Sentence) -> Iterator[tuple[int, int]]:
        """Yield (start, end) in the text of every sign of one kind."""
        if kind.signs.keys().isdisjoint(sentence.words):
            return
        words = list(sentence.words)
        for first, after in _matches(kind.harmless, words):
            words[first:after] = [_MASK] * (after - first)
        for first, after in _matches(kind.signs, words):
            before = words[max(0, first - NEGATION_REACH) : first]
            if self.negations.isdisjoint(before) or not self.undone.isdisjoint(before):
                yield sentence.spans[first][0], sentence.spans[after - 1][1]


def _sentences(text: str) -> Iterator[_Sentence]:
    """Yield the sentences of a text: words in lower case without apostrophes, with their places in the text."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    # An apostrophe becomes a letter that is taken out again, so that places stay those of the text.
    for token in _TOKEN.finditer(_APOSTROPHES.sub("\u02bc", text)):
        if token[0] in ".!?;:…\n":
            if words:
                yield _Sentence(tuple(words), tuple(spans))
            words, spans = [], []
        else:
            words.append(token[0].lower().replace("\u02bc", ""))
            spans.append(token.span())
    if words:
        yield _Sentence(tuple(words), tuple(spans))


def _matches(phrases: Phrases, words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield (first word, word after the last) of the longest phrase at each place, from left to right."""
    text = "".join(f"{word} " for word in words)
    starts, place = [], 0
    for word in words:
        starts.append(place)
        place += len(word) + 1
    free = 0
    for number, word in enumerate(words):
        if number < free or word not in phrases:
            continue
        ends = [found.end() for pattern in phrases[word] if (found := pattern.match(text, starts[number]))]
        if ends:
            free = bisect_right(starts, max(ends) - 1)
            yield number, free


# Phrases --------------------------------------------------------------------------------------------------------------


@cache
def phrases() -> Any:
    """The table of `lexicon.yaml`: `words`, `negations`, `undone`, and `kinds` with their `signs` and `harmless`."""
    return strict_yaml(read_text(DATA))


@cache
def _shipped() -> tuple[_Kind, ...]:
    return _compiled_kinds(phrases())


def _compiled_kinds(table: Mapping[str, Any]) -> tuple[_Kind, ...]:
    lists = table["words"]
    return tuple(
        _Kind(name, _compiled(entry["signs"], lists), _compiled(entry.get("harmless", []), lists))
        for name, entry in table["kinds"].items()
    )


def _compiled(listed: Sequence[str], lists: Mapping[str, Any]) -> Phrases:
    """Compile phrases, by each word that they may begin with."""
    found: dict[str, list[re.Pattern[str]]] = {}
    for phrase in listed:
        elements = phrase.split()
        pattern = re.compile("".join(_pattern(element, lists) for element in elements))
        for word in _first_words(elements, lists):
            found.setdefault(word, []).append(pattern)
    return {word: tuple(patterns) for word, patterns in found.items()}


def _pattern(element: str, lists: Mapping[str, Any]) -> str:
    """The pattern of one element of a phrase: `a|b`, `a?`, `$list`, `~` or `<end>`."""
    if element == "~":
        return rf"(?:[^ {_MASK}]+ ){{0,{GAP}}}?"
    if element == "<end>":
        return r"\Z"
    words = "|".join(map(re.escape, _alternatives(element, lists)))
    return f"(?:(?:{words}) )" + "?" * element.endswith("?")


def _alternatives(element: str, lists: Mapping[str, Any]) -> list[str]:
    """The words that an element stands for."""
    return [
        word
        for part in element.removesuffix("?").split("|")
        for word in (lists[part[1:]] if part.startswith("$") else [part])
    ]


def _first_words(elements: Sequence[str], lists: Mapping[str, Any]) -> set[str]:
    """The words that a phrase may begin with: those up to its first element that must be there."""
    first: set[str] = set()
    for element in elements:
        first.update(_alternatives(element, lists))
        if not element.endswith("?"):
            break
    return first
