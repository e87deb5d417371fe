"""What a reader of risk finds in a text, and the interface of such readers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Speaker = Literal["client", "counselor"]
Degree = Literal["hint", "passive", "active", "plan"]
DEGREES: tuple[str, ...] = ("hint", "passive", "active", "plan")  # from the mildest


@dataclass(frozen=True)
class Flag:
    """One sign of risk in a text.

    Attributes:
        kind: of the risk: a kind of the lexicon, such as `self_harm`, or the label of a classifier.
        words: the words that show it; of a classifier, its score.
        degree: how far it goes, one of `DEGREES`; empty of a reader that grades none.
    """

    kind: str
    words: str
    degree: str = ""


class RiskReader(Protocol):
    """Reads texts for risk."""

    @property
    def name(self) -> str:
        """What it reads by, with its version."""
        ...

    def read(self, texts: Sequence[str], speakers: Sequence[Speaker] | None = None) -> list[tuple[Flag, ...]]:
        """One tuple per text, in order; empty where nothing was found.

        Args:
            texts: the words.
            speakers: who says each; None: unknown. A reader may leave it unread.
        """
        ...
