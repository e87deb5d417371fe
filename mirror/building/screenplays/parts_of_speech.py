"""Parts of speech of English words, by a library that brings its model along, or by an installed model of spaCy.

Tags are the universal ones (https://universaldependencies.org/u/pos), so that taggers can be compared.
"""

import importlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from types import ModuleType
from typing import Any, Protocol

PUNCTUATION = "PUNCT"
# Tags of the British National Corpus, as HanTa gives them, by their beginnings; the longest one counts.
_UNIVERSAL = {
    **dict.fromkeys(("AJ", "ORD"), "ADJ"),
    **dict.fromkeys(("AV",), "ADV"),
    **dict.fromkeys(("AT", "DPS", "DT"), "DET"),
    **dict.fromkeys(("CJC",), "CCONJ"),
    **dict.fromkeys(("CJS", "CJT"), "SCONJ"),
    **dict.fromkeys(("EX", "PN"), "PRON"),
    **dict.fromkeys(("PR", "AVP"), "ADP"),
    **dict.fromkeys(("XX", "TO", "POS"), "PART"),
    **dict.fromkeys(("VB", "VH", "VM"), "AUX"),
    **dict.fromkeys(("VD", "VV"), "VERB"),
    **dict.fromkeys(("PU",), PUNCTUATION),
    "CRD": "NUM",
    "ITJ": "INTJ",
    "NN": "NOUN",
    "NP": "PROPN",
}


class TaggerError(RuntimeError):
    """A tagger that is not installed. The message says how to install it."""


class Tagger(Protocol):
    """Tags words with their parts of speech.

    Attributes:
        name: with its version: what results that are kept were made with.
    """

    name: str

    def tag(self, words: Sequence[str]) -> list[str]:
        """One universal tag (`NOUN`, `VERB`, …) per word of a sentence, in order; `X` for an unknown kind."""
        ...


def load_tagger(name: str) -> Tagger | None:
    """Load a tagger.

    Args:
        name: `hanta`, `spacy:<model>` such as `spacy:en_core_web_sm`, or `none`.

    Returns:
        The tagger; None for `none`.

    Raises:
        ValueError: an unknown name.
        TaggerError: the library or the model is not installed.
    """
    if name == "none":
        return None
    if name == "hanta":
        return HantaTagger()
    kind, _, model = name.partition(":")
    if kind == "spacy" and model:
        return SpacyTagger(model)
    raise ValueError(f"parts_of_speech must be hanta, spacy:<model> or none, found {name!r}")


class HantaTagger:
    """The Hanover Tagger with its English model: https://github.com/wartaal/HanTa."""

    def __init__(self) -> None:
        module = _library("HanTa.HanoverTagger", "HanTa", "pip install '.[build]'")
        self.tagger = _english(module)
        self.name = f"hanta {version('HanTa')}"

    def tag(self, words: Sequence[str]) -> list[str]:
        """See `Tagger.tag`."""
        if not words:
            return []
        return [universal(tag) for _, _, tag in self.tagger.tag_sent(list(words), taglevel=1)]


@cache
def _english(module: Any) -> Any:
    """The English model, which takes a second to load and is the same for every build of a process."""
    return module.HanoverTagger("morphmodel_en.pgz")


class SpacyTagger:
    """An installed model of spaCy."""

    def __init__(self, model: str) -> None:
        library = _library("spacy", "spaCy", "pip install spacy")
        try:
            self.model: Any = library.load(model, exclude=["ner", "lemmatizer"])
        except OSError as error:
            raise TaggerError(f"spaCy has no model {model}: python -m spacy download {model} ({error})") from None
        self.name = f"spacy {model} {self.model.meta.get('version', '')}".strip()

    def tag(self, words: Sequence[str]) -> list[str]:
        """See `Tagger.tag`."""
        if not words:
            return []
        doc = importlib.import_module("spacy.tokens").Doc(self.model.vocab, words=list(words))
        return [token.pos_ or "X" for token in self.model(doc)]


@cache
def universal(tag: str) -> str:
    """The universal tag of a tag of the British National Corpus; `X` for one without (`UNC`, `ZZ0`)."""
    found = [start for start in _UNIVERSAL if tag.startswith(start)]
    return _UNIVERSAL[max(found, key=len)] if found else "X"


def _library(module: str, name: str, install: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError:
        raise TaggerError(
            f"parts of speech need {name}, which is not installed: {install}; or set parts_of_speech to none"
        ) from None
