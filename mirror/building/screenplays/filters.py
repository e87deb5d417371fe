"""Filters of screenplays: turns, repetition, parts of speech, copied profiles, safety."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirror.building.dropped import Sifted
from mirror.building.screenplays.parts_of_speech import Tagger
from mirror.building.screenplays.screenplay import Screenplay
from mirror.risk.flag import RiskReader


@dataclass(frozen=True)
class TextRules:
    """The limits of the filters."""

    min_turns: int = 4
    max_turns: int = 20
    unique_words: float = 0.5
    equal_parts_of_speech: int = 3
    copied_words: int = 6


def filter_texts(
    screenplays: Sequence[Screenplay],
    rules: TextRules,
    tagger: Tagger | None,
    risk: RiskReader | None,
    journal: Path | None = None,
) -> Sifted[Screenplay]:
    """Keep the screenplays without a fault."""
    raise NotImplementedError
