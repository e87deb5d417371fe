"""Reads texts for risk by a list of words, without a model."""

from collections.abc import Sequence

from mirror.risk.flag import Flag


class RiskLexicon:
    """Finds the phrases of `lexicon.yaml`."""

    name = "lexicon"

    def flags(self, text: str) -> tuple[Flag, ...]:
        """The signs of risk in one text, in order."""
        raise NotImplementedError

    def read(self, texts: Sequence[str]) -> list[tuple[Flag, ...]]:
        """The signs of risk in each text."""
        raise NotImplementedError
