"""One counseling run as an arm of a study: who counseled, how far it came, its sessions and its clients.

Reads the folder that `counsel.ipynb` wrote, and nothing of a turn. Knows nothing of models.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from mirror.paths import display_path
from mirror.run_folder import RunConflict, read_provenance, read_settings
from mirror.transcripts.profile import Resistance
from mirror.transcripts.session_folder import SessionFolder

HOW = "counsel first: papermill notebooks/counsel.ipynb OUT.ipynb -f params/counsel/<configuration>.yaml"


class ArmError(ValueError):
    """A folder that holds no counseling run. The message says what is missing, and what to do."""


@dataclass(frozen=True)
class Person:
    """What the table said of a client when the session began; empty where it said nothing."""

    idx: str
    name: str = ""
    personal_info: str = ""
    resistance: Resistance | None = None
    reason: str = ""
    distorted_thought: str = ""


@dataclass(frozen=True)
class Arm:
    """The run in `folder`, with the settings and the provenance that it recorded.

    Attributes:
        alias: what the arm is called within a study; empty: as its folder.
        excluded: sessions, by name, that are left out.
    """

    folder: Path
    settings: dict[str, Any]
    provenance: dict[str, Any]
    alias: str = ""
    excluded: frozenset[str] = frozenset()

    @classmethod
    def read(cls, folder: Path) -> "Arm":
        """Raises ArmError where `folder` has no settings of a counseling run, or no session."""
        if faults := arm_faults(folder):
            raise ArmError("\n".join(faults))
        return cls(folder, read_settings(folder), read_provenance(folder))

    @property
    def name(self) -> str:
        return self.alias or self.folder.name

    @property
    def variant(self) -> str:
        """What the arm's colour stands for: `untuned`, `chat model`, or the cot."""
        if self.settings.get("counselor") == "openai":
            return "chat model"
        is_tuned = bool(self.settings.get("checkpoint"))
        return "untuned" if self.settings["cot"] == "base" and not is_tuned else self.settings["cot"]

    @property
    def counselor(self) -> str:
        """Who counseled, in words: `untuned LLaVA 7b, base`."""
        who = {"openai": self.settings.get("counselor_model") or "a chat model"}.get(
            self.settings.get("counselor"),
            f"MIRROR {self.settings.get('size')}"
            if self.settings.get("checkpoint")
            else f"untuned LLaVA {self.settings.get('size')}",
        )
        return f"{who}, {self.settings['cot']}"

    @property
    def is_scripted(self) -> bool:
        """Whether the clients follow the grammar, so that their openness is known and not judged."""
        return self.settings.get("client") == "scripted"

    @cached_property
    def sessions(self) -> tuple[SessionFolder, ...]:
        """The sessions' folders, `9` before `10`."""
        found = [path for path in self.folder.glob("sessions/*/") if path.name not in self.excluded]
        return tuple(map(SessionFolder, sorted(found, key=lambda path: natural(path.name))))

    @cached_property
    def persons(self) -> dict[str, Person]:
        """The clients by idx, those whose session has begun."""
        told = {session.folder.name: session.client for session in self.sessions}
        names = {field.name for field in fields(Person)}
        return {
            idx: Person(**{n: v for n, v in client.items() if n in names}) for idx, client in told.items() if client
        }

    def person(self, idx: str) -> Person:
        return self.persons.get(idx) or Person(idx)


def arm_faults(folder: Path) -> list[str]:
    """Why `folder` is no counseling run that could be read; empty where it is one."""
    shown = display_path(folder)
    if not folder.is_dir():
        return [f"no such folder {shown}; {HOW}"]
    if not (folder / "settings.yaml").is_file():
        return [f"{shown} has no settings.yaml, so it is no run; {HOW}"]
    try:
        settings, _ = read_settings(folder), read_provenance(folder)
    except RunConflict as error:
        return [str(error)]
    if "cot" not in settings:
        return [f"{shown} is no run of counseling: {shown}/settings.yaml names no cot; {HOW}"]
    if not any(folder.glob("sessions/*/")):
        return [f"{shown} holds no sessions of counseling; {HOW}"]
    return []


def aliases(names: Sequence[str]) -> list[str]:
    """The names without the words that all of them begin with: `mirror-7b-base`, `mirror-7b-ec` → `base`, `ec`."""
    words = [name.split("-") for name in names]
    shared = 0
    while len(names) > 1 and all(len(its) > shared + 1 for its in words) and len({its[shared] for its in words}) == 1:
        shared += 1
    return ["-".join(its[shared:]) for its in words]


def natural(name: str) -> list[tuple[int, int | str]]:
    """A key that sorts numbers within names by their size."""
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in re.split(r"(\d+)", name) if part]
