"""A lexicon-based reader of a client's cue: the expressions it mentions, and those that the face must not show.

Needs no model. The words are listed in `expressions.yaml`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from itertools import chain, takewhile
from math import nan

from mirror.clients.expressions import DATA, KINDS, Entry, Kind, Sign, Table, stem, table
from mirror.clients.spelling import LONG, SHORTEST, correct, inflected
from mirror.prompts import FacialExpression

__all__ = [
    "DATA",
    "KEEPS_AWAY",
    "NEUTRAL",
    "RESISTANT",
    "CueFace",
    "Lexicon",
    "Reading",
    "agrees",
    "lexicon",
    "read_feelings",
    "stem",
]

NEUTRAL = "neutral"
# Expressions by which a client keeps the counselor away; sadness, fear and shame are none. Frustration counts in the
# measure of resistance (`RESISTANT`), and not in the ratings of the offline judge (`KEEPS_AWAY`), whose rules are
# versioned: with it, earlier ratings would not be comparable.
KEEPS_AWAY = frozenset(
    "skeptical withdrawn irritated guarded angry defensive contemptuous disgusted resentful sullen bored "
    "indifferent".split()
)
RESISTANT = KEEPS_AWAY | {"frustrated"}
MOST = 2  # expressions of one cue that are shown; the features of more would contradict each other
LONGEST = 200  # words of a cue that are read
LONGEST_WORD = 20  # letters
GAP = 5  # maximum distance between two words of a sign: `jaw is tightly clenched` is a clenched jaw
NEGATION_REACH = 4  # words before a sign, within its clause
GRADE_REACH = 2  # words before a sign, within its clause
FEATURES_OF_SECOND = 2  # features that are shown of the second expression

CONJUNCTIONS = ("and", "but", "whil", "though", "yet")  # as stems
SENTENCE_ENDS = (".", ";", "!", "?")
_TOKEN = re.compile(r"[a-z]+|[^a-z\s'-]")
_CONTRACTED = re.compile(r"(?:\bcan|n)'t\b|\bcannot\b")
_CANNOT_HELP = re.compile(r"\bcan(?:not|'t| not) help(?: but)?\b")  # `cannot help smiling` is no negation
_FELT = re.compile(r"\b(?:I(?:'m| am|'ve been| have been)|(?:I|me) (?:\w+ )?feel(?:ing)?)\b([^.!?;]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """One expression that a cue mentions.

    Attributes:
        name: The name of the expression.
        grade: `slightly`, `deeply`, …; empty if the cue names none.
        negated: Whether the cue negates it.
        kind: The kind of words by which the cue mentions it.
    """

    name: str
    grade: str = ""
    negated: bool = False
    kind: Kind = "words"

    @property
    def look(self) -> str:
        """The expression in a few words: `deeply sad look`."""
        return f"{self.grade} {self.name} look".strip()


@dataclass(frozen=True)
class CueFace(FacialExpression):
    """The facial expression of a cue, and the expression that must not show.

    Attributes:
        look: The main expression in a few words: `deeply sad look`.
    """

    look: str


@dataclass(frozen=True)
class _Word:
    text: str
    stem: str

    def is_a(self, part: str) -> bool:
        return self.text.startswith(part[:-1]) if part.endswith("*") else self.stem == part


@dataclass(frozen=True)
class Lexicon:
    """Reads texts by a table of expressions.

    Attributes:
        table: The expressions.
        signs: The signs by each of their parts.
        words: All words of the table with their inflections, for spelling correction.
    """

    table: Table
    signs: dict[str, list[Sign]]
    words: frozenset[str]

    @property
    def entries(self) -> dict[str, Entry]:
        """The expressions by name."""
        return self.table.entries

    def read(self, cue: str) -> tuple[Reading, ...]:
        """Finds the expressions that `cue` mentions, in order of appearance, each once.

        Longer signs take precedence over shorter ones, and no word counts twice: `arms crossed` is not `cross`.
        """
        words = self._words(cue)
        stems = [word.stem for word in words]
        found: list[tuple[int, Reading]] = []
        free = set(range(len(words)))
        for sign, places in sorted(self._matches(words), key=lambda match: (-len(match[1]), match[1])):
            if free.issuperset(places):
                free.difference_update(places)
                grade, negated = self._grade(stems, places), self._is_negated(stems, places)
                found.append((places[0], Reading(sign.expression, grade, negated, sign.kind)))
        readings: dict[str, Reading] = {}
        for _, reading in sorted(found, key=lambda one: one[0]):
            first = readings.setdefault(reading.name, reading)
            if first.negated == reading.negated and KINDS.index(reading.kind) < KINDS.index(first.kind):
                readings[reading.name] = replace(first, kind=reading.kind)
        return tuple(readings.values())

    def read_cue(self, cue: str) -> tuple[Reading, ...]:
        """Reads like `read`, after spelling correction of long words; of short ones only if nothing was found."""
        text = self._corrected(cue, LONG)
        return self.read(text) or self.read(self._corrected(text, SHORTEST))

    def _corrected(self, cue: str, shortest: int) -> str:
        """Corrects the spelling of words with at least `shortest` letters whose stem is not in the table."""
        kept = {*self.signs, *self.table.same, *self.table.negations, *self.table.grades}

        def corrected(match: re.Match[str]) -> str:
            word = match[0].lower()
            is_read = stem(word) in kept or not shortest <= len(word) <= LONGEST_WORD
            return word if is_read else correct(word, self.words)

        return re.sub("[A-Za-z]+", corrected, " ".join(cue.split()[:LONGEST]))

    def _words(self, text: str) -> list[_Word]:
        text = _CANNOT_HELP.sub(" ", text.lower().replace("’", "'"))
        tokens = _TOKEN.findall(_CONTRACTED.sub(" not", text))[:LONGEST]
        return [_Word(token, self.table.same.get(stem(token), stem(token))) for token in tokens]

    def _matches(self, words: list[_Word]) -> Iterator[tuple[Sign, tuple[int, ...]]]:
        """Yields every sign whose words are all close to each other in one sentence, with their positions."""
        parts = [
            (word.stem, *(f"{word.text[:length]}*" for length in range(1, min(len(word.text), LONGEST_WORD) + 1)))
            for word in words
        ]
        present = set(chain.from_iterable(parts))
        for start, own in enumerate(parts):
            for sign in chain.from_iterable(self.signs.get(part, ()) for part in own):
                if present.issuperset(sign.parts) and (places := _places(sign.parts, words, start)):
                    yield sign, places

    def _grade(self, stems: list[str], places: tuple[int, ...]) -> str:
        """Returns the grade just before the first position or after the last one; empty if there is none."""
        near = [*_clause_before(stems, places[0], GRADE_REACH), *stems[places[-1] + 1 : places[-1] + 2]]
        return next((self.table.grades[word] for word in near if word in self.table.grades), "")

    def _is_negated(self, stems: list[str], places: tuple[int, ...]) -> bool:
        """Returns whether an odd number of negations precedes the first position: `cannot stop crying` has two."""
        found = [w for w in _clause_before(stems, places[0], NEGATION_REACH) if w in self.table.negations]
        return len(found) % 2 == 1 or "nor" in found

    def face(self, cue: str) -> CueFace | None:
        """Returns the facial expression of `cue`; None if no word of it is in the lexicon.

        At most two expressions are combined: named feelings precede facial signs, which precede gestures; equals keep
        the order of appearance. What a cue negates must not show.
        """
        readings = self.read_cue(cue)
        return self._face(readings) if readings else None

    def _face(self, readings: Sequence[Reading]) -> CueFace:
        denied = [reading.name for reading in readings if reading.negated]
        shown = [reading for reading in readings if not reading.negated]
        shown = sorted(shown, key=lambda reading: KINDS.index(reading.kind))[:MOST]
        contrasts = denied + [self.entries[reading.name].contrast for reading in shown]
        if not shown:
            meant = (self.entries[name].denied for name in denied)
            shown = [Reading(name) for name in meant if name not in denied][:MOST] or [Reading(NEUTRAL)]
        names = {reading.name for reading in shown}
        opposed = [Reading(name) for name in dict.fromkeys(contrasts) if name not in names] or [Reading(NEUTRAL)]
        own = {feature for name in names for feature in self.entries[name].shows.split(", ")}
        contrast = (feature for feature in self._features(opposed[:MOST]) if feature not in own)
        return CueFace(", ".join(self._features(shown)), ", ".join(contrast), shown[0].look)

    def felt(self, words: str) -> CueFace | None:
        """Returns the facial expression of the feelings that the client states, as in `I'm so tired of this`."""
        readings = self.read(". ".join(_FELT.findall(words.replace("’", "'"))))
        return self._face(readings) if readings else None

    def _features(self, readings: Sequence[Reading]) -> list[str]:
        """Returns the features of the expressions, each once; of the second expression only the first ones."""
        features: dict[str, None] = {}
        for reading, most in zip(readings, (None, FEATURES_OF_SECOND), strict=False):
            shows = self.entries[reading.name].shows.split(", ")[:most]
            features |= dict.fromkeys([reading.look, *shows])
        return list(features)

    def neutral(self) -> CueFace:
        """Returns the neutral facial expression."""
        return self._face([Reading(NEUTRAL)])


@cache
def lexicon() -> Lexicon:
    """Builds the lexicon of `expressions.yaml`, once."""
    signs: dict[str, list[Sign]] = {}
    for entry in table().entries.values():
        for sign in entry.signs:
            for part in set(sign.parts):
                signs.setdefault(part, []).append(sign)
    return Lexicon(table(), signs, inflected(table().words))


def _clause_before(stems: list[str], place: int, reach: int) -> list[str]:
    """Returns up to `reach` words before a position, backwards, within its clause."""
    before = reversed(stems[max(0, place - reach) : place])
    return list(takewhile(lambda word: word.isalpha() and word not in CONJUNCTIONS, before))


def _places(sign: tuple[str, ...], words: list[_Word], start: int) -> tuple[int, ...] | None:
    """Returns the positions of the words of `sign`, the first of them at `start`; None if one is missing."""
    missing = list(sign)
    places: list[int] = []
    for place in range(start, len(words)):
        if places and (place - places[-1] > GAP or words[place].text in SENTENCE_ENDS):
            return None
        if part := next((part for part in missing if words[place].is_a(part)), None):
            missing.remove(part)
            places.append(place)
        if not places:
            return None
        if not missing:
            return tuple(places)
    return None


@lru_cache(maxsize=65536)  # cues repeat, and each is read several times
def read_feelings(text: str) -> tuple[str, ...]:
    """Returns the feelings that a cue or a caption names, without those that it negates."""
    return tuple(reading.name for reading in lexicon().read(text) if not reading.negated)


def agrees(caption: str, cue: str) -> float:
    """Returns 1 if the caption names a feeling of the cue, 0 if it names only others, NaN if either names none."""
    named, shown = read_feelings(caption), read_feelings(cue)
    return float(not set(named).isdisjoint(shown)) if named and shown else nan
