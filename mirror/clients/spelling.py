"""Corrects typing errors by similarity to a list of known words."""

from collections.abc import Collection
from difflib import get_close_matches

SHORTEST = 5  # letters: most shorter words are one edit away from several others
LONG = 8  # letters of a word that is rarely similar to another one
ALIKE = 0.87  # difflib's ratio, about one wrong letter in eight


def inflected(words: Collection[str]) -> frozenset[str]:
    """Returns the words with their regular inflections: sob, sobs, sobbed, sobbing."""
    forms = set(words)
    for word in words:
        if word.endswith("y"):
            forms |= {f"{word}ing", f"{word[:-1]}ied", f"{word[:-1]}ies"}
        elif not word.endswith(("s", "ed", "ing")):
            root = word.removesuffix("e")
            forms |= {f"{word}s", f"{root}ed", f"{root}ing", f"{word}{word[-1]}ed", f"{word}{word[-1]}ing"}
    return frozenset(forms)


def correct(word: str, known: Collection[str]) -> str:
    """Returns the known word that is most similar to `word`, or `word` itself if none is similar enough.

    A word is corrected if one letter is missing, superfluous, or swapped with its neighbor; a long one also by
    `difflib`'s ratio. The first letter is assumed to be right.

    Args:
        word: A word in lower case.
        known: Words in lower case.
    """
    if word in known or len(word) < SHORTEST:
        return word
    if near := sorted(near for near in _edits(word) if near in known and len(near) >= SHORTEST):
        return near[0]
    alike = [other for other in known if other[0] == word[0]] if len(word) >= LONG else []
    return next(iter(get_close_matches(word, sorted(alike), 1, ALIKE)), word)


def _edits(word: str) -> set[str]:
    """Returns all words with one letter inserted, removed, or swapped with its neighbor, except the first letter."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    cuts = [(word[:place], word[place:]) for place in range(1, len(word) + 1)]
    missing = {head + letter + tail for head, tail in cuts for letter in letters}
    extra = {head + tail[1:] for head, tail in cuts}
    swapped = {head + tail[1] + tail[0] + tail[2:] for head, tail in cuts if len(tail) > 1}
    return missing | extra | swapped
