"""Corrects words that are a slip of the fingers away from a known one. Knows no meanings."""

from collections.abc import Collection
from difflib import get_close_matches

SHORTEST = 5  # letters: most shorter words are one slip away from several others
LONG = 8  # letters of a word that is hardly ever mistaken for another one
ALIKE = 0.87  # difflib's ratio: one wrong letter in eight


def inflected(words: Collection[str]) -> frozenset[str]:
    """The words with their regular inflections: sob, sobs, sobbed, sobbing."""
    forms = set(words)
    for word in words:
        if word.endswith("y"):
            forms |= {f"{word}ing", f"{word[:-1]}ied", f"{word[:-1]}ies"}
        elif not word.endswith(("s", "ed", "ing")):
            root = word.removesuffix("e")
            forms |= {f"{word}s", f"{root}ed", f"{root}ing", f"{word}{word[-1]}ed", f"{word}{word[-1]}ing"}
    return frozenset(forms)


def correct(word: str, known: Collection[str]) -> str:
    """The known word that `word`, in lower case, was meant to be, as far as spelling tells; `word` itself otherwise.

    A short word is corrected where a letter is missing, too many, or swapped with its neighbour; a long one also where
    it is nearly alike. The first letter is taken for right.
    """
    if word in known or len(word) < SHORTEST:
        return word
    if near := sorted(near for near in _slips(word) if near in known and len(near) >= SHORTEST):
        return near[0]
    alike = [other for other in known if other[0] == word[0]] if len(word) >= LONG else []
    return next(iter(get_close_matches(word, sorted(alike), 1, ALIKE)), word)


def _slips(word: str) -> set[str]:
    """All that a missing letter, one too many, or two swapped ones make of the word, its first letter kept."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    cuts = [(word[:place], word[place:]) for place in range(1, len(word) + 1)]
    missing = {head + letter + tail for head, tail in cuts for letter in letters}
    extra = {head + tail[1:] for head, tail in cuts}
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
    return missing | extra | swapped
