"""Parts of speech of English words, by a library that brings its model along."""

from collections.abc import Sequence
from typing import Protocol


class Tagger(Protocol):
    """Tags words with their parts of speech."""

    name: str

    def tag(self, words: Sequence[str]) -> list[str]:
        """One universal tag (`NOUN`, `VERB`, …) per word of a line, in order; punctuation is `PUNCT`."""
        ...


def load_tagger(name: str) -> Tagger | None:
    """The tagger `hanta` or `spacy:<model>`; None for `none`."""
    raise NotImplementedError
