"""A counseling run as an arm of a study: its counselor, its sessions and its clients, read from the run's folder."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from mirror.natural_order import natural_key
from mirror.paths import display_path
from mirror.run_folder import RunConflict, read_provenance, read_settings, settings_faults
from mirror.transcripts.profile import Resistance
from mirror.transcripts.session_folder import SessionFolder
from mirror.transcripts.session_name import client_of, number_of

SEES = {  # what the counselor sees of the client's face, after its name
    "shown": "",
    "neutral": ", sees a calm face",
    "swapped": ", sees another client's face",
    "blank": ", sees no face",
    "cue": ", reads the cue instead of the face",
}
ADVICE = "counsel first: mirror counsel -f params/counsel/<configuration>.yaml"


class ArmError(ValueError):
    """A folder that is not a counseling run. The message says what is missing, and what to do."""


@dataclass(frozen=True)
class Person:
    """A client, as in the table when the session began; values missing there are empty."""

    idx: str
    name: str = ""
    personal_info: str = ""
    resistance: Resistance | None = None
    reason: str = ""
    distorted_thought: str = ""


@dataclass(frozen=True)
class Arm:
    """A counseling run.

    Attributes:
        folder: the run's folder.
        settings: its recorded settings.
        provenance: its recorded provenance.
        alias: its name within a study; if empty, the name of the folder.
        excluded: names of sessions that are left out.
    """

    folder: Path
    settings: dict[str, Any]
    provenance: dict[str, Any]
    alias: str = ""
    excluded: frozenset[str] = frozenset()

    @classmethod
    def read(cls, folder: Path) -> "Arm":
        """Read the run in `folder`.

        Raises:
            ArmError: the folder has no settings of a counseling run, or no session.
        """
        if faults := arm_faults(folder):
            raise ArmError("\n".join(faults))
        return cls(folder, read_settings(folder), read_provenance(folder))

    @property
    def name(self) -> str:
        """The arm's name within a study."""
        return self.alias or self.folder.name

    @property
    def variant(self) -> str:
        """The kind of counselor, which decides the arm's color: `untuned`, `chat model`, or the cot.

        What it saw follows if that was not the client's face: `ec_planning, swapped`.
        """
        is_tuned = bool(self.settings.get("checkpoint"))
        kind = "untuned" if self.settings["cot"] == "base" and not is_tuned else str(self.settings["cot"])
        kind = "chat model" if self.settings.get("counselor") == "openai" else kind
        return kind if self.face == "shown" else f"{kind}, {self.face}"

    @property
    def counselor(self) -> str:
        """The counselor in words: `untuned LLaVA 7b, base`."""
        if self.settings.get("counselor") == "openai":
            model = self.settings.get("counselor_model") or "a chat model"
        else:
            is_other = self.settings.get("size") == "other"
            name = str(self.settings.get("base_model")).rpartition("/")[2] if is_other else self.settings.get("size")
            untuned = "untuned" if is_other else "untuned LLaVA"
            model = f"{'MIRROR' if self.settings.get('checkpoint') else untuned} {name}"
        return f"{model}, {self.settings['cot']}{SEES[self.face]}" + ", answers recorded clients" * bool(self.replays)

    @property
    def face(self) -> str:
        """The counselor's view of the client's face: `shown`, or a `Condition`."""
        return str(self.settings.get("face", "shown"))

    @property
    def replays(self) -> str:
        """The run or the table whose recorded clients are answered; empty if the clients reacted to the counselor."""
        if self.settings.get("client") != "recorded":
            return ""
        return str(self.settings.get("from_run") or self.settings.get("table"))

    @property
    def is_scripted(self) -> bool:
        """Whether the clients are scripted, so that their openness is known rather than estimated."""
        return self.settings.get("client") == "scripted"

    @property
    def client_trust(self) -> Literal["published", "persistent"]:
        """The rule of the clients' openness."""
        return "persistent" if self.settings.get("client_trust") == "persistent" else "published"

    @cached_property
    def sessions(self) -> tuple[SessionFolder, ...]:
        """The folders of the sessions in natural order: `9` before `10`."""
        found = [path for path in self.folder.glob("sessions/*/") if path.name not in self.excluded]
        return tuple(map(SessionFolder, sorted(found, key=lambda path: natural_key(path.name))))

    @cached_property
    def persons(self) -> dict[str, Person]:
        """The clients whose session has begun, by idx."""
        clients = {client_of(session.folder.name): session.client for session in reversed(self.sessions)}
        names = {field.name for field in fields(Person)}
        return {
            idx: Person(**{name: value for name, value in client.items() if name in names})
            for idx, client in reversed(clients.items())
            if client
        }

    def person(self, name: str) -> Person:
        """Return a client, by its idx or the name of a session; without a session, one of whom only the idx is known.

        Args:
            name: such as `7` or `7+s2`.
        """
        idx = client_of(name)
        return self.persons.get(idx) or Person(idx)

    @cached_property
    def per_client(self) -> int:
        """The number of sessions that each client has once the run is complete."""
        found = (number_of(session.folder.name) for session in self.sessions)
        return max([*found, self.settings.get("sessions_per_client", 1)])

    @property
    def remembers(self) -> bool:
        """Whether later sessions remember the earlier ones."""
        return not self.replays and self.settings.get("memory", "transcript") != "none"


def arm_faults(folder: Path) -> list[str]:
    """Return why `folder` cannot be read as a counseling run; empty if it can."""
    shown = display_path(folder)
    if not folder.is_dir():
        return [f"no such folder {shown}; {ADVICE}"]
    if not (folder / "settings.yaml").is_file():
        return [f"{shown} has no settings.yaml, so it is not a run; {ADVICE}"]
    try:
        settings, _ = read_settings(folder), read_provenance(folder)
    except RunConflict as error:
        return [str(error)]
    if faults := settings_faults(folder):
        return faults
    if "cot" not in settings:
        return [f"{shown} is not a counseling run: {shown}/settings.yaml names no cot; {ADVICE}"]
    if not any(folder.glob("sessions/*/")):
        return [f"{shown} contains no counseling sessions; {ADVICE}"]
    return []


def aliases(names: Sequence[str]) -> list[str]:
    """Remove the words that all names begin with: `mirror-7b-base`, `mirror-7b-ec` → `base`, `ec`."""
    split = [name.split("-") for name in names]
    shared = 0
    while len(names) > 1 and all(len(words) > shared + 1 for words in split):
        if len({words[shared] for words in split}) > 1:
            break
        shared += 1
    return ["-".join(words[shared:]) for words in split]
