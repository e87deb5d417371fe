"""Matches patterns of words in texts, in time linear in their length.

A text is read sentence by sentence in a normal form: lower case, contractions written out, fillers left out. Every word
of it keeps its place in the text, so that a match can be quoted. Knows no kind of risk; `words.yaml` says how words and
patterns are written.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache, reduce
from operator import or_
from pathlib import Path
from typing import Any

from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml

DATA = Path(__file__).with_name("words.yaml")
GAP = 3  # words that `~` stands for, at most; `~6` for up to six
MOST_WORDS = 1 << 16  # that are remembered
NEGATION_REACH = 4  # words before a match, within its clause
VOWELS = "aeiou"
_TOKEN = re.compile(r"[^\W_]+(?:-[^\W_]+)*|[.!?;:…\n]|,|[–—()\"“”]")
_APOSTROPHES = re.compile(r"(?<=\w)['’ʼ`](?=\w)")
_ENDINGS = {"m": "am", "ve": "have", "ll": "will", "d": "would", "re": "are"}  # after an apostrophe
_PRONOUNS = frozenset(
    "he she it that what there who everyone everybody nobody something someone here how where".split()
)
_MASK = "_"  # a word that is part of a harmless pattern


@dataclass(frozen=True)
class Sentence:
    """The words of one sentence in the normal form.

    Attributes:
        words: without fillers.
        spans: the place of each word in the text.
        starts: the numbers of the words that begin a clause.
        is_question: whether it ends in a question mark.
    """

    words: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    starts: frozenset[int]
    is_question: bool


@dataclass(frozen=True)
class Step:
    """One element of a pattern.

    Attributes:
        part: the bit of the words that it accepts.
        optional: whether it may be missing.
        ends: whether the end of the sentence will do.
        gap: the most words before it.
    """

    part: int
    optional: bool
    ends: bool
    gap: int


@dataclass(frozen=True)
class Pattern:
    """A pattern, and the name of its group."""

    group: str
    steps: tuple[Step, ...]

    @cached_property
    def needed(self) -> int:
        """The bits of the words that a sentence must have."""
        return reduce(or_, (step.part for step in self.steps if not (step.optional or step.ends)), 0)


class Vocabulary:
    """The words of `words.yaml`, and which elements of patterns accept a word."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        """Expands the lists of a table."""
        self.contractions = {word: tuple(text.split()) for word, text in table["contractions"].items()}
        self.fillers, self.clauses = frozenset(table["fillers"]), frozenset(table["clauses"])
        self.negations, self.undone = frozenset(table["negations"]), frozenset(table["undone"])
        self._lists: dict[str, list[str]] = {}
        for name, words in table["words"].items():
            self._lists[name] = [form for word in words for form in self._forms(word)]
        self._parts: dict[str, int] = {}
        self._exact: dict[str, int] = {}  # word → a bit for each part that accepts it
        self._affixes: list[tuple[str, str, int]] = []  # beginning, end, bit
        self.read_word = lru_cache(maxsize=MOST_WORDS)(self._read_word)

    def words_of(self, name: str) -> list[str]:
        """The words of a list, each in all its forms."""
        return list(self._lists[name])

    def part(self, element: str) -> int:
        """The bit of an element such as `kill+|$weapon`."""
        if element not in self._parts:
            bit = self._parts[element] = 1 << len(self._parts)
            for form in (form for word in element.split("|") for form in self._forms(word)):
                if "*" in form:
                    first, last = form.split("*")
                    self._affixes.append((first, last, bit))
                else:
                    self._exact[form] = self._exact.get(form, 0) | bit
            self.read_word.cache_clear()
        return self._parts[element]

    def _forms(self, word: str) -> list[str]:
        if word.startswith("$"):
            if word[1:] not in self._lists:
                raise ValueError(f"{DATA.name} has no list {word}; it has {', '.join(self._lists)}")
            return self._lists[word[1:]]
        return inflections(word[:-1]) if word.endswith("+") else [word]

    def _read_word(self, word: str) -> int:
        """The bits of all parts that accept a word."""
        bits = self._exact.get(word, 0)
        for first, last, bit in self._affixes:
            if word.startswith(first) and word.endswith(last) and len(word) >= len(first) + len(last):
                bits |= bit
        return bits


@cache
def vocabulary() -> Vocabulary:
    """The words of `words.yaml`, read once."""
    return Vocabulary(strict_yaml(read_text(DATA)))


def inflections(verb: str) -> list[str]:
    """The regular forms of a verb, with and without a doubled consonant: `stab`, `stabs`, `stabbed`, `stabbing`."""
    if verb.endswith("e"):
        return [verb, f"{verb}s", f"{verb}d", f"{verb[:-1]}ing"]
    if verb.endswith("y") and verb[-2:-1] not in VOWELS:
        return [verb, f"{verb[:-1]}ies", f"{verb[:-1]}ied", f"{verb}ing"]
    third = f"{verb}es" if verb.endswith(("s", "x", "z", "ch", "sh")) else f"{verb}s"
    return [verb, third, *(f"{verb}{last}{ending}" for last in ("", verb[-1:]) for ending in ("ed", "ing"))]


class Patterns:
    """Patterns of one kind, in groups by name."""

    def __init__(self, groups: Mapping[str, Sequence[str]], words: Vocabulary) -> None:
        """Compiles patterns.

        Args:
            groups: patterns by the name of their group.
            words: what they are made of.

        Raises:
            ValueError: a pattern uses a list that does not exist, or begins with something that may be missing.
        """
        self.words = words
        self._all = [Pattern(name, _steps(text, words)) for name, texts in groups.items() for text in texts]
        self._by_word: dict[str, tuple[Pattern, ...]] = {}

    def matches(self, words: Sequence[str]) -> Iterator[tuple[str, int, int]]:
        """Yield (group, first word, word after the last), the shortest of each pattern at each place."""
        bits = [self.words.read_word(word) for word in words]
        absent = ~reduce(or_, bits, 0)
        stops = [word == _MASK or word in self.words.negations for word in words]
        for start, word in enumerate(words):
            for pattern in self._starting(word):
                if not pattern.needed & absent and (after := _follow(pattern.steps, bits, stops, start)):
                    yield pattern.group, start, after

    def _starting(self, word: str) -> tuple[Pattern, ...]:
        """The patterns whose first element accepts a word."""
        if word not in self._by_word:
            if len(self._by_word) > MOST_WORDS:
                self._by_word.clear()
            bits = self.words.read_word(word)
            self._by_word[word] = tuple(pattern for pattern in self._all if pattern.steps[0].part & bits)
        return self._by_word[word]


def _steps(text: str, words: Vocabulary) -> tuple[Step, ...]:
    """Compile one pattern."""
    steps: list[Step] = []
    gap = 0
    for element in text.split():
        if element.startswith("~"):
            gap += int(element[1:] or GAP)
            continue
        optional = element.endswith("?")
        steps.append(Step(words.part(element.removesuffix("?")), optional, "<end>" in element.split("|"), gap))
        gap = gap if optional else 0  # what may be missing takes no gap away
    if not steps or steps[0].optional or steps[-1].optional or "~" in (text[0], text.split()[-1][0]):
        raise ValueError(f"the pattern {text!r} must begin and end with something that cannot be missing")
    return tuple(steps)


def _follow(steps: Sequence[Step], bits: Sequence[int], stops: Sequence[bool], start: int) -> int:
    """The word after the shortest match that begins at `start`; 0 if there is none.

    Follows the set of all places that a match may have reached, which takes no more than `gap` looks per place.
    """
    places = {start}
    for number, step in enumerate(steps):
        reached = set(places) if step.optional else set()
        for place in places:
            for look in range(place, min(place + step.gap, len(bits)) + 1):
                if look == len(bits):
                    if step.ends:
                        reached.add(look)
                    break
                if bits[look] & step.part:
                    reached.add(look + 1)
                if stops[look]:
                    break
        places = reached if number else reached - {start}
        if not places:
            return 0
    return min(places)


# Texts ----------------------------------------------------------------------------------------------------------------


def read_sentences(text: str, words: Vocabulary) -> Iterator[Sentence]:
    """Yield the sentences of a text that have words."""
    found: list[str] = []
    spans: list[tuple[int, int]] = []
    starts: set[int] = set()
    # An apostrophe becomes a letter that is taken out again, so that places stay those of the text.
    for token in _TOKEN.finditer(_APOSTROPHES.sub("\u02bc", text)):
        if token[0] in ".!?;:…\n":
            if found:
                yield Sentence(tuple(found), tuple(spans), frozenset(starts), token[0] == "?")
            found, spans, starts = [], [], set()
        elif not token[0][0].isalnum():
            starts.add(len(found))
        else:
            for word in _written_out(token[0].lower(), words):
                if word not in words.fillers:
                    if word in words.clauses:
                        starts.add(len(found))
                    found.append(word)
                    spans.append(token.span())
    if found:
        yield Sentence(tuple(found), tuple(spans), frozenset(starts), False)


def _written_out(word: str, words: Vocabulary) -> tuple[str, ...]:
    """A word in the normal form: `don't` as `do`, `not`."""
    stem, _, ending = word.rpartition("\u02bc")
    joined = word.replace("\u02bc", "")
    if joined in words.contractions:
        return words.contractions[joined]
    if not stem:
        return (joined,)
    if ending in _ENDINGS:
        return (stem.replace("\u02bc", ""), _ENDINGS[ending])
    if ending == "s":
        return (stem, "is") if stem in _PRONOUNS else (stem,)
    return (joined,)


def masked(sentence: Sentence, harmless: Patterns) -> list[str]:
    """The words of a sentence, with those of harmless patterns made unreadable."""
    words = list(sentence.words)
    for _, first, after in harmless.matches(sentence.words):
        words[first:after] = [_MASK] * (after - first)
    return words


def is_negated(sentence: Sentence, first: int, words: Vocabulary) -> bool:
    """Whether a negation precedes a word in its clause, and nothing takes it back."""
    begin = max((start for start in sentence.starts if start <= first), default=0)
    before = sentence.words[max(begin, first - NEGATION_REACH) : first]
    return not words.negations.isdisjoint(before) and words.undone.isdisjoint(before)
