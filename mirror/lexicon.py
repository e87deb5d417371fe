"""Reads a client's cue without any model: which expressions it speaks of, and what must not show.

The words stand in `expressions.yaml`. Knows nothing of who asks, or of how a face is painted.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain, takewhile
from pathlib import Path

import yaml

from mirror.prompts import FacialExpression

DATA = Path(__file__).with_name("expressions.yaml")
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
_SUFFIXES = (("ness", ""), ("ily", "y"), ("ly", ""), ("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("s", ""))
_NOUN = re.compile(r"(?<=[st])ion$")


@dataclass(frozen=True)
class Entry:
    """One expression of the lexicon.

    Attributes:
        shows: how it looks on a face, visible features separated by commas.
        contrast: the name of the expression that must not be taken for it.
        denied: the name of the expression that a cue means by denying this one (`does not look relaxed`: tense).
        signs: what speaks of it; each some stems in any order, or the beginning of a word and `*`.
    """

    name: str
    shows: str
    contrast: str
    denied: str
    signs: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Reading:
    """One expression that a cue speaks of.

    Attributes:
        grade: `slightly`, `deeply`, …; empty if the cue does not say.
        negated: whether the cue says that it does not show.
    """

    name: str
    grade: str = ""
    negated: bool = False


@dataclass(frozen=True)
class _Word:
    text: str
    stem: str

    def is_a(self, part: str) -> bool:
        return self.text.startswith(part[:-1]) if part.endswith("*") else self.stem == part


@dataclass(frozen=True)
class Lexicon:
    """The expressions, and the words round them, as stems."""

    entries: dict[str, Entry]
    signs: dict[str, list[tuple[str, tuple[str, ...]]]]  # by each of their words: the expression's name and the sign
    same: dict[str, str]
    negations: frozenset[str]
    grades: dict[str, str]

    def read(self, cue: str) -> tuple[Reading, ...]:
        """The expressions that `cue` speaks of, in order of appearance, each once.

        Longer signs go before shorter ones, and no word counts twice: `arms crossed` is not `cross`.
        """
        words = self._words(cue)
        stems = [word.stem for word in words]
        found: list[tuple[int, Reading]] = []
        free = set(range(len(words)))
        for name, places in sorted(self._matches(words), key=lambda match: (-len(match[1]), match[1])):
            if free.issuperset(places):
                free.difference_update(places)
                reading = Reading(name, self._grade(stems, places), self._is_negated(stems, places))
                found.append((places[0], reading))
        readings: dict[str, Reading] = {}
        for _, reading in sorted(found, key=lambda one: one[0]):
            readings.setdefault(reading.name, reading)
        return tuple(readings.values())

    def _words(self, text: str) -> list[_Word]:
        text = _CANNOT_HELP.sub(" ", text.lower().replace("’", "'"))
        tokens = _TOKEN.findall(_CONTRACTED.sub(" not", text))[:LONGEST]
        return [_Word(token, self.same.get(stem(token), stem(token))) for token in tokens]

    def _matches(self, words: list[_Word]) -> Iterator[tuple[str, tuple[int, ...]]]:
        """The name and the places of every sign whose words all stand close to each other in one sentence."""
        for start, word in enumerate(words):
            beginnings = (f"{word.text[:length]}*" for length in range(1, min(len(word.text), LONGEST_WORD) + 1))
            for name, sign in chain.from_iterable(self.signs.get(part, ()) for part in (word.stem, *beginnings)):
                if places := _places(sign, words, start):
                    yield name, places

    def _grade(self, stems: list[str], places: tuple[int, ...]) -> str:
        """The grade just before the first of the places, or behind the last."""
        near = [*_clause_before(stems, places[0], GRADE_REACH), *stems[places[-1] + 1 : places[-1] + 2]]
        return next((self.grades[word] for word in near if word in self.grades), "")

    def _is_negated(self, stems: list[str], places: tuple[int, ...]) -> bool:
        """Whether an odd number of negations stands before the first place: two cancel out in `cannot stop crying`."""
        found = [w for w in _clause_before(stems, places[0], NEGATION_REACH) if w in self.negations]
        return len(found) % 2 == 1 or "nor" in found

    def face(self, cue: str) -> FacialExpression | None:
        """What the face shows with `cue`, and what it must not show; None where the lexicon knows none of its words.

        At most two expressions are combined. What a cue denies must not show.
        """
        readings = self.read(cue)
        denied = [reading.name for reading in readings if reading.negated]
        shown = [reading for reading in readings if not reading.negated][:MOST]
        contrasts = denied + [self.entries[reading.name].contrast for reading in shown]
        if not readings:
            return None
        if not shown:
            meant = (self.entries[name].denied for name in denied)
            shown = [Reading(name) for name in meant if name not in denied][:MOST] or [Reading(NEUTRAL)]
        names = {reading.name for reading in shown}
        opposed = [Reading(name) for name in dict.fromkeys(contrasts) if name not in names] or [Reading(NEUTRAL)]
        own = {feature for name in names for feature in self.entries[name].shows.split(", ")}
        return FacialExpression(
            ", ".join(self._features(shown)), ", ".join(f for f in self._features(opposed[:MOST]) if f not in own)
        )

    def felt(self, words: str) -> FacialExpression | None:
        """As `face`, of what the client says to feel: `I'm so tired of this`. Other words of theirs are no cue."""
        return self.face(". ".join(_FELT.findall(words.replace("’", "'"))))

    def _features(self, readings: Sequence[Reading]) -> list[str]:
        """The features of the expressions, each once; of a second one only its first, which contradict least."""
        features: dict[str, None] = {}
        for reading, most in zip(readings, (None, FEATURES_OF_SECOND), strict=False):
            shows = self.entries[reading.name].shows.split(", ")[:most]
            features |= dict.fromkeys([f"{reading.grade} {reading.name} look".strip(), *shows])
        return list(features)

    def neutral(self) -> FacialExpression:
        """The face of a client of whom nothing is said."""
        shown, contrast = Reading(NEUTRAL), Reading(self.entries[NEUTRAL].contrast)
        return FacialExpression(", ".join(self._features([shown])), ", ".join(self._features([contrast])))


@cache
def lexicon() -> Lexicon:
    """The lexicon of `expressions.yaml`."""
    data = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    same = {stem(word): stem(kept) for kept, words in data["same"].items() for word in words.split()}

    def parts(sign: str) -> tuple[str, ...]:
        words = sign.replace("-", " ").split()
        return tuple(w if w.endswith("*") else same.get(stem(w), stem(w)) for w in words)

    entries = {
        name: Entry(
            name,
            entry["shows"],
            entry["contrast"],
            entry.get("denied", entry["contrast"]),
            tuple(parts(sign) for sign in [*entry["words"].split(), *entry.get("signs", ())]),
        )
        for name, entry in data["expressions"].items()
    }
    signs: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for entry in entries.values():
        for sign in entry.signs:
            for part in set(sign):
                signs.setdefault(part, []).append((entry.name, sign))
    negations = frozenset(stem(word) for word in data["negations"].split())
    grades = {stem(word): grade for grade, words in data["grades"].items() for word in [grade, *words.split()]}
    return Lexicon(entries, signs, same, negations, grades)


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


def stem(word: str) -> str:
    """What the inflections of an English word share: `smiles`, `smiled`, `smiling` → `smil`."""
    for suffix, instead in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= (3 if suffix == "ing" else 2):
            if suffix != "s" or word[-2] not in "su":  # dress, anxious
                word = word.removesuffix(suffix) + instead
            break
    word = _NOUN.sub("", word)
    if len(word) > 2:
        word = word[:-1] + "i" if word.endswith("y") else word.removesuffix("e")
    return word[:-1] if len(word) > 2 and word[-1] == word[-2] else word
