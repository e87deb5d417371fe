"""The expressions of `expressions.yaml`: the features of each on a face, and the words by which a text mentions it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

DATA = Path(__file__).with_suffix(".yaml")
Kind = Literal["words", "signs", "gestures"]  # keys of the file, the most specific first
KINDS: tuple[Kind, ...] = get_args(Kind)

_SUFFIXES = (("ness", ""), ("ily", "y"), ("ly", ""), ("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("s", ""))
_NOUN = re.compile(r"(?<=[st])ion$")


@dataclass(frozen=True)
class Sign:
    """Words that indicate an expression.

    Attributes:
        expression: The name of the expression.
        parts: Stems in any order, or prefixes of words followed by `*`.
        kind: The key of the file under which the words are listed.
    """

    expression: str
    parts: tuple[str, ...]
    kind: Kind


@dataclass(frozen=True)
class Entry:
    """One expression.

    Attributes:
        name: The expression in one word, such as `sad`.
        shows: Its visible features on a face, separated by commas.
        contrast: The name of the expression that must not be mistaken for it.
        denied: The name of the expression that a cue means by negating this one (`does not look relaxed`: tense).
        signs: The words that indicate it.
    """

    name: str
    shows: str
    contrast: str
    denied: str
    signs: tuple[Sign, ...]


@dataclass(frozen=True)
class Table:
    """The contents of `expressions.yaml`, with words as stems.

    Attributes:
        entries: The expressions by name.
        same: Synonyms: the stem that replaces another one.
        negations: Stems that negate what follows.
        grades: The grade (`slightly`, `deeply`, …) by stem.
        words: Every word or prefix of the file, as written there.
    """

    entries: dict[str, Entry]
    same: dict[str, str]
    negations: frozenset[str]
    grades: dict[str, str]
    words: frozenset[str]


@cache
def table() -> Table:
    """Reads `expressions.yaml`, once."""
    data = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    same = {stem(word): stem(kept) for kept, words in data["same"].items() for word in words.split()}
    entries = {
        name: Entry(
            name, row["shows"], row["contrast"], row.get("denied", row["contrast"]), tuple(_signs(name, row, same))
        )
        for name, row in data["expressions"].items()
    }
    negations = frozenset(stem(word) for word in data["negations"].split())
    grades = {stem(word): grade for grade, words in data["grades"].items() for word in [grade, *words.split()]}
    read = [*data["same"].items(), *data["grades"].items(), (data["negations"],), entries]
    read += [list(_texts(row, kind)) for row in data["expressions"].values() for kind in KINDS]
    words = frozenset(word for texts in read for word in re.findall("[a-z]+", " ".join(texts)))
    return Table(entries, same, negations, grades, words)


def _signs(name: str, row: dict[str, Any], same: dict[str, str]) -> Iterator[Sign]:
    """Yields the signs of a row, each set of parts once; `a/b c` becomes `a c` and `b c`."""
    seen: set[tuple[str, ...]] = set()
    for kind in KINDS:
        for text in _texts(row, kind):
            for words in product(*(part.split("/") for part in text.replace("-", " ").split())):
                parts = tuple(w if w.endswith("*") else same.get(stem(w), stem(w)) for w in words)
                if (key := tuple(sorted(parts))) not in seen:
                    seen.add(key)
                    yield Sign(name, parts, kind)


def _texts(row: dict[str, Any], kind: Kind) -> list[str]:
    return row["words"].split() if kind == "words" else row.get(kind, [])


def stem(word: str) -> str:
    """Returns the stem that the inflections of an English word share: `smiles`, `smiled`, `smiling` → `smil`."""
    for suffix, instead in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= (3 if suffix == "ing" else 2):
            if suffix != "s" or word[-2] not in "su":  # dress, anxious
                word = word.removesuffix(suffix) + instead
            break
    word = _NOUN.sub("", word)
    if len(word) > 2:
        word = word[:-1] + "i" if word.endswith("y") else word.removesuffix("e")
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word
