"""Reads texts for risk by a text classifier of transformers."""

from collections.abc import Sequence

from mirror.risk.flag import Flag


class RiskClassifier:
    """A text classifier; a text is flagged if its highest label is one of the unsafe ones."""

    def __init__(self, name: str, unsafe_labels: str, device: str, precision: str = "auto", batch: int = 32) -> None:
        raise NotImplementedError

    def read(self, texts: Sequence[str]) -> list[tuple[Flag, ...]]:
        """The unsafe label of each text."""
        raise NotImplementedError
