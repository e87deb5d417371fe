"""Reads a client's cue without any model: which expressions it speaks of, and what must not show.

The words stand in `expressions.yaml`. Knows nothing of who asks, or of how a face is painted.
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

__all__ = ["DATA", "NEUTRAL", "CueFace", "Lexicon", "Reading", "lexicon", "stem"]

NEUTRAL = "neutral"
MOST = 2  # expressions of one cue that are shown: with more, their features contradict each other
LONGEST = 200  # words of a cue that are read
LONGEST_WORD = 20
GAP = 5  # words that may stand between two words of a sign, so that `jaw is tightly clenched` is a clenched jaw
NEGATION_REACH = 4  # words, within a clause
GRADE_REACH = 2
FEATURES_OF_SECOND = 2

CONJUNCTIONS = ("and", "but", "whil", "though", "yet")  # as stems
SENTENCE_ENDS = (".", ";", "!", "?")
_TOKEN = re.compile(r"[a-z]+|[^a-z\s'-]")
_CONTRACTED = re.compile(r"(?:\bcan|n)'t\b|\bcannot\b")
_CANNOT_HELP = re.compile(r"\bcan(?:not|'t| not) help(?: but)?\b")  # smiling: it is not denied
_FELT = re.compile(r"\b(?:I(?:'m| am|'ve been| have been)|(?:I|me) (?:\w+ )?feel(?:ing)?)\b([^.!?;]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Reading:
    """One expression that a cue speaks of.

    Attributes:
        grade: `slightly`, `deeply`, …; empty if the cue does not say.
        negated: whether the cue says that it does not show.
        kind: by what the cue speaks of it.
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
    """What a cue shows and must not show.

    Attributes:
        look: the expression that says most of it, in a few words: `deeply sad look`.
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
    """The expressions, and the words round them, as stems."""

    table: Table
    signs: dict[str, list[Sign]]  # by each of their parts
    words: frozenset[str]  # all whole words of the table, inflected

    @property
    def entries(self) -> dict[str, Entry]:
        """The expressions by name."""
        return self.table.entries

    def read(self, cue: str) -> tuple[Reading, ...]:
        """The expressions that `cue` speaks of, in order of appearance, each once.

        Longer signs go before shorter ones, and no word counts twice: `arms crossed` is not `cross`.
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
        """As `read`, with slips of spelling in long words corrected; in short ones where nothing can be read else."""
        text = self._corrected(cue, LONG)
        return self.read(text) or self.read(self._corrected(text, SHORTEST))

    def _corrected(self, cue: str, shortest: int) -> str:
        """The cue, its words of at least so many letters corrected where no rule of inflection knows them."""
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
        """Every sign whose words all stand close to each other in one sentence, and their places."""
        for start, word in enumerate(words):
            beginnings = (f"{word.text[:length]}*" for length in range(1, min(len(word.text), LONGEST_WORD) + 1))
            for sign in chain.from_iterable(self.signs.get(part, ()) for part in (word.stem, *beginnings)):
                if places := _places(sign.parts, words, start):
                    yield sign, places

    def _grade(self, stems: list[str], places: tuple[int, ...]) -> str:
        """The grade just before the first of the places, or behind the last."""
        near = [*_clause_before(stems, places[0], GRADE_REACH), *stems[places[-1] + 1 : places[-1] + 2]]
        return next((self.table.grades[word] for word in near if word in self.table.grades), "")

    def _is_negated(self, stems: list[str], places: tuple[int, ...]) -> bool:
        """Whether an odd number of negations stands before the first place: two cancel out in `cannot stop crying`."""
        found = [w for w in _clause_before(stems, places[0], NEGATION_REACH) if w in self.table.negations]
        return len(found) % 2 == 1 or "nor" in found

    def face(self, cue: str) -> CueFace | None:
        """What the face shows with `cue`, and what it must not show; None where the lexicon knows none of its words.

        At most two expressions are combined: named feelings before what is seen of the face, that before gestures, and
        in order of appearance among equals. What a cue denies must not show.
        """
        return self._face(self.read_cue(cue))

    def _face(self, readings: Sequence[Reading]) -> CueFace | None:
        denied = [reading.name for reading in readings if reading.negated]
        shown = [reading for reading in readings if not reading.negated]
        shown = sorted(shown, key=lambda reading: KINDS.index(reading.kind))[:MOST]
        contrasts = denied + [self.entries[reading.name].contrast for reading in shown]
        if not readings:
            return None
        if not shown:
            meant = (self.entries[name].denied for name in denied)
            shown = [Reading(name) for name in meant if name not in denied][:MOST] or [Reading(NEUTRAL)]
        names = {reading.name for reading in shown}
        opposed = [Reading(name) for name in dict.fromkeys(contrasts) if name not in names] or [Reading(NEUTRAL)]
        own = {feature for name in names for feature in self.entries[name].shows.split(", ")}
        contrast = (feature for feature in self._features(opposed[:MOST]) if feature not in own)
        return CueFace(", ".join(self._features(shown)), ", ".join(contrast), shown[0].look)

    def felt(self, words: str) -> CueFace | None:
        """As `face`, of what the client says to feel: `I'm so tired of this`. Other words of theirs are no cue."""
        return self._face(self.read(". ".join(_FELT.findall(words.replace("’", "'")))))

    def _features(self, readings: Sequence[Reading]) -> list[str]:
        """The features of the expressions, each once; of a second one only its first, which contradict least."""
        features: dict[str, None] = {}
        for reading, most in zip(readings, (None, FEATURES_OF_SECOND), strict=False):
            shows = self.entries[reading.name].shows.split(", ")[:most]
            features |= dict.fromkeys([reading.look, *shows])
        return list(features)

    def neutral(self) -> CueFace:
        """The face of a client of whom nothing is said."""
        return self._face([Reading(NEUTRAL)])


@cache
def lexicon() -> Lexicon:
    """The lexicon of `expressions.yaml`."""
    signs: dict[str, list[Sign]] = {}
    for entry in table().entries.values():
        for sign in entry.signs:
            for part in set(sign.parts):
                signs.setdefault(part, []).append(sign)
    return Lexicon(table(), signs, inflected(table().words))


def _clause_before(stems: list[str], place: int, reach: int) -> list[str]:
    """Up to `reach` words before a place, backwards, as far as its clause goes."""
    before = reversed(stems[max(0, place - reach) : place])
    return list(takewhile(lambda word: word.isalpha() and word not in CONJUNCTIONS, before))


def _places(sign: tuple[str, ...], words: list[_Word], start: int) -> tuple[int, ...] | None:
    """Where the words of `sign` stand, the first of them at `start`; None where they do not."""
    missing, places = list(sign), []
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


# Expressions by which a client keeps the counselor away; sadness, fear and shame are none. Frustration counts in the
# measure of resistance (`RESISTANT`), and not in the ratings of the offline judge (`KEEPS_AWAY`), whose rules are
# versioned: with it, earlier ratings would not be comparable.
KEEPS_AWAY = frozenset(
    "skeptical withdrawn irritated guarded angry defensive contemptuous disgusted resentful sullen bored "
    "indifferent".split()
)
RESISTANT = KEEPS_AWAY | {"frustrated"}


@lru_cache(maxsize=65536)  # cues repeat, and each is asked for several times
def read_feelings(text: str) -> tuple[str, ...]:
    """The feelings that a cue or a caption names, without those that it denies."""
    return tuple(reading.name for reading in lexicon().read(text) if not reading.negated)


def agrees(caption: str, cue: str) -> float:
    """1 where the caption names a feeling of the cue, 0 where it names others only, missing where either has none."""
    named, shown = read_feelings(caption), read_feelings(cue)
    return float(not set(named).isdisjoint(shown)) if named and shown else nan
