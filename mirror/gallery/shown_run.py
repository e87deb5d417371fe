"""A run in a gallery: its sessions and ratings, the name it has there, and the key of a reader's notes on it."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mirror.gallery.shown_ratings import (
    ShownComment,
    ShownRating,
    comments_by_session,
    ratings_by_session,
    reversed_items,
)
from mirror.natural_order import natural_key
from mirror.paths import display_path
from mirror.rating.ratings import read_ratings
from mirror.transcripts.arm import Arm, aliases
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.session_name import client_of, number_of


@dataclass(frozen=True)
class ShownRun:
    """A run in a gallery.

    Attributes:
        arm: the run.
        name: within the gallery.
        ratings: by session.
        comments: of people who rated, by session.
    """

    arm: Arm
    name: str
    ratings: Mapping[str, Sequence[ShownRating]]
    comments: Mapping[str, Sequence[ShownComment]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Tells this run from all others: the same after it was continued, moved, and shown in another gallery."""
        provenance, settings = self.arm.provenance, dict(self.arm.settings)
        for name in provenance.get("machine_settings", ()):
            settings.pop(name, None)
        begun = provenance.get("started") or self.arm.folder.name
        text = json.dumps([begun, settings], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def facts(self) -> dict[str, Any]:
        """What the page knows of the run."""
        folder = self.arm.folder.name  # by which it may be named, too
        return {"key": self.key, "name": self.name, "folder": folder, "counselor": self.arm.counselor}


@dataclass(frozen=True)
class ShownSession:
    """A session in a gallery, and the number of its run there."""

    run: int
    folder: SessionFolder


def read_runs(folders: Sequence[Path]) -> list[ShownRun]:
    """Reads the runs of a gallery; their names are told apart.

    Raises:
        ArmError: a folder holds no counseling run.
        JsonLinesError: the ratings of one are damaged.
    """
    names = [folder.name for folder in folders]
    short = names if len(set(names)) == len(names) else [display_path(folder) for folder in folders]
    return [
        ShownRun(
            Arm.read(folder),
            name,
            ratings_by_session(read_ratings(folder), reversed_items(folder)),
            comments_by_session(folder),
        )
        for folder, name in zip(folders, aliases(short), strict=True)
    ]


def sessions_in_order(runs: Iterable[ShownRun]) -> list[ShownSession]:
    """Returns the sessions of all runs: those of a client together, in the order of the runs."""
    found = [ShownSession(number, session) for number, run in enumerate(runs) for session in run.arm.sessions]

    def place(one: ShownSession) -> tuple[Any, ...]:
        name = one.folder.folder.name
        return natural_key(client_of(name)), number_of(name), one.run

    return sorted(found, key=place)


def pages_of(sessions: Sequence[ShownSession], most: int) -> list[list[ShownSession]]:
    """Divides sessions among pages of at most `most`, more only where one client has more: clients stay together."""
    counted = Counter(client_of(one.folder.folder.name) for one in sessions)
    pages: list[list[ShownSession]] = []
    last = ""
    for one in sessions:
        client = client_of(one.folder.folder.name)
        if not pages or (client != last and len(pages[-1]) + counted[client] > most):
            pages.append([])
        pages[-1].append(one)
        last = client
    return pages
