"""Corrects words that are one slip of the fingers away from a known one. Knows no meanings."""

import re
from collections.abc import Collection

SHORTEST = 5  # letters: most shorter words are one slip away from several others
LONGEST = 20
_WORD = re.compile(r"[a-z]+")


def inflected(words: Collection[str]) -> frozenset[str]:
    """The words with their regular inflections: sob, sobs, sobbed, sobbing."""
    forms = set(words)
    for word in words:
        root = word.removesuffix("e")
        soft = word[:-1] + "i" if word.endswith("y") else root
        double = word + word[-1]
        forms |= {f"{root}ing", f"{soft}ed", f"{double}ing", f"{double}ed"}
        forms |= {f"{word}s", f"{soft}es"} if len(word) >= SHORTEST or word.endswith("y") else set()
    return frozenset(forms)


def correct(text: str, known: Collection[str]) -> str:
    """`text`, in lower case, with each unknown word replaced by the one known word that is a single slip away.

    A slip is a letter that is missing, too many, wrong (in a longer word), or swapped with its neighbour, but never
    the first. A word with several such neighbours takes the first in alphabetical order.
    """
    return _WORD.sub(lambda match: _corrected(match[0], known), text)


def _corrected(word: str, known: Collection[str]) -> str:
    if word in known or len(word) < SHORTEST or len(word) > LONGEST:
        return word
    return min((near for near in _slips(word) if near in known and len(near) >= SHORTEST), default=word)


def _slips(word: str) -> set[str]:
    """All that one slip makes of the word, its first letter kept."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    cuts = [(word[:place], word[place:]) for place in range(1, len(word) + 1)]
    missing = {head + letter + tail for head, tail in cuts for letter in letters}
    extra = {head + tail[1:] for head, tail in cuts}
    wrong = {head + letter + tail[1:] for head, tail in cuts for letter in letters if tail and len(word) > SHORTEST}
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
    return missing | extra | wrong | swapped
