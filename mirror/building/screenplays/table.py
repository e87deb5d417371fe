"""Reads screenplays and clients from a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from mirror.building.dropped import Sifted
from mirror.building.screenplays.parsing import OnSameSpeaker
from mirror.building.screenplays.screenplay import Screenplay

OnNotFound = Literal["drop", "blank"]


def parse_columns(text: str) -> dict[str, str]:
    """Parse `dialogue=screenplay, technique=method`: our field → the table's column."""
    raise NotImplementedError


def read_screenplays(
    path: Path,
    columns: Mapping[str, str],
    on_not_found: OnNotFound,
    on_same_speaker: OnSameSpeaker,
    needs_plan: bool = False,
) -> Sifted[Screenplay]:
    """Read a table of dialogues."""
    raise NotImplementedError


def read_clients(
    path: Path, columns: Mapping[str, str], on_not_found: OnNotFound, needs_plan: bool = False
) -> Sifted[Screenplay]:
    """Read a table of clients without dialogues: the screenplays have no lines."""
    raise NotImplementedError
