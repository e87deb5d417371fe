"""The declared policy of safety: which readers read the words of sessions for risk.

One object, which the panel, the gallery, the printed transcript and the analysis all use, so that they flag the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mirror.risk.flag import Flag, RiskReader, Speaker
from mirror.risk.lexicon import RiskLexicon


@dataclass(frozen=True)
class RiskPolicy:
    """The readers, in order.

    Attributes:
        readers: each adds its flags; the kinds of a classifier are its labels.
    """

    readers: tuple[RiskReader, ...] = (RiskLexicon(),)

    @classmethod
    def of(cls, classifier: str = "", unsafe_labels: str = "", device: str = "auto") -> "RiskPolicy":
        """The lexicon, and a text classifier where one is named.

        Args:
            classifier: folder or Hub id of a transformers text classifier; empty: the lexicon alone.
            unsafe_labels: its labels for risk, separated by commas.
            device: `auto`, `cpu` or `cuda:<number>`.

        Raises:
            FileNotFoundError: the classifier was not found.
            ValueError: it has no such labels, or cannot be read.
        """
        if not classifier:
            return cls()
        from mirror.risk.classifier import RiskClassifier  # imports torch, which reading a session does without

        return cls((RiskLexicon(), RiskClassifier(classifier, unsafe_labels, device)))

    @property
    def name(self) -> str:
        """The readers' names."""
        return " and ".join(reader.name for reader in self.readers)

    def read(self, texts: Sequence[str], speakers: Sequence[Speaker] | None = None) -> list[tuple[Flag, ...]]:
        """The flags of all readers in each text; see `RiskReader.read`."""
        by_reader = [reader.read(texts, speakers) for reader in self.readers]
        return [tuple(flag for found in by_reader for flag in found[place]) for place in range(len(texts))]
