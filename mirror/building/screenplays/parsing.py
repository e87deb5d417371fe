"""Parses the text of a screenplay into the lines of both speakers; every odd line is a fault with a name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mirror.building.screenplays.screenplay import Line

OnSameSpeaker = Literal["merge", "drop"]


@dataclass(frozen=True)
class LineFault:
    """A fault of one line of text: its reason, its position among the lines that are not blank, and a sentence."""

    reason: str
    position: int
    detail: str


class ScreenplayError(ValueError):
    """A text that is no screenplay; `.faults` holds all faults in order."""

    def __init__(self, faults: Sequence[LineFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(fault.detail for fault in faults))


def parse_screenplay(text: str, on_same_speaker: OnSameSpeaker) -> tuple[Line, ...]:
    """Parse a screenplay."""
    raise NotImplementedError


def format_screenplay(lines: Sequence[Line]) -> str:
    """Format lines as text; `parse_screenplay` restores them."""
    raise NotImplementedError
