"""The folder of a run, `results/<name>/`: its settings and its provenance, and starting it over.

Knows nothing of what a run does.
"""

import contextlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import yaml

from mirror.files.atomic import discard, write_text
from mirror.files.json_file import read_json, write_json
from mirror.files.lock import locked
from mirror.files.yaml_file import strict_yaml
from mirror.paths import display_path, output_path
from mirror.provenance import environment

SETTINGS = "settings.yaml"
PROVENANCE = "provenance.json"
# What a run's folder may hold before the run is opened: the executed notebook and logs, which others write there.
NOT_OURS = (".ipynb", ".log", ".out", ".err")


class RunConflict(ValueError):
    """A run's folder holds another run, or no run at all. Nothing was changed."""


class Run:
    """A folder `results/<name>/` with `settings.yaml` and `provenance.json`; the rest is the notebook's own.

    Making one changes nothing on disk, so that data and models can be checked before an earlier run is touched;
    `open` begins.
    """

    def __init__(self, name: str, settings: Mapping[str, Any], machine: frozenset[str], fresh: bool = False) -> None:
        """
        Args:
            machine: settings in which a run that goes on may differ from its beginning.
            fresh: start over where the folder holds a run.

        Raises:
            RunConflict: the folder holds a run with other settings (unless `fresh`), or files but no settings.
        """
        self.folder = output_path("results") / name
        self.settings = dict(settings)
        self.machine, self.fresh = machine, fresh
        self._check()

    def open(self) -> Self:
        """Begins or goes on: sets an earlier run aside where the settings say `fresh`, then writes the settings.

        Raises:
            RunConflict: as above.
            FolderInUse: another process works in the folder.
        """
        with locked(self.folder, "opening the run"):
            self._check()
            if self.fresh:
                discard(self.folder)
                self.fresh = False  # once: what follows belongs to this run
            write_text(self.folder / SETTINGS, self._settings_text())
        return self

    @contextlib.contextmanager
    def working(self, work: str) -> Iterator[None]:
        """Holds the folder for this process while it works there.

        Raises:
            RunConflict: the folder was given to another run since it was opened.
            FolderInUse: another process works in the folder.
        """
        with locked(self.folder, work):
            self._check()
            write_text(self.folder / SETTINGS, self._settings_text())
            yield

    def _settings_text(self) -> str:
        return yaml.safe_dump(self.settings, sort_keys=False, allow_unicode=True)

    def _check(self) -> None:
        if not self.is_begun:
            if foreign := _foreign_files(self.folder):
                raise RunConflict(
                    f"{display_path(self.folder)} holds {foreign[0]} and no {SETTINGS}, so it is no run; move the "
                    "folder away, or give this run another name (-p run NAME)"
                )
        elif not self.fresh:
            self._refuse_other_settings()

    def _refuse_other_settings(self) -> None:
        written = read_settings(self.folder)
        if differing := differences(written, self.settings, self.machine):
            raise RunConflict(
                f"{display_path(self.folder)} holds a run with other settings ({'; '.join(differing)}); "
                "give this one another name (-p run NAME), or start over with -p fresh True"
            )

    @property
    def provenance(self) -> dict[str, Any]:
        """What is recorded of the run so far; empty before the first record."""
        return read_provenance(self.folder)

    @property
    def is_begun(self) -> bool:
        """Whether the folder holds a run, this one or an earlier one that `fresh` will set aside."""
        return (self.folder / SETTINGS).is_file()

    @property
    def is_complete(self) -> bool:
        return self.provenance.get("status") == "complete"

    def record(self, status: str, **facts: Any) -> None:
        """Adds `facts` to `provenance.json`, with the status, the times, the code and the machine."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        before = self.provenance
        before.pop("reason", None)  # why an earlier part ended
        record = {**before, "status": status, "started": before.get("started", now), "updated": now}
        write_json(self.folder / PROVENANCE, {**record, **environment(), **facts})


def read_settings(folder: Path) -> dict[str, Any]:
    """The settings of the run in `folder`, as they were written.

    Raises:
        FileNotFoundError: there are none.
        RunConflict: they cannot be read.
    """
    path = folder / SETTINGS
    try:
        settings = strict_yaml(path.read_bytes())
    except ValueError as error:
        settings = " ".join(str(error).split())
    if not isinstance(settings, dict):
        raise RunConflict(
            f"{display_path(path)} is damaged ({settings!s:.200}); restore it, or start over with -p fresh True"
        )
    return settings


def read_provenance(folder: Path) -> dict[str, Any]:
    """What is recorded of the run in `folder`; empty before the first record.

    Raises:
        RunConflict: the record is damaged.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except ValueError as error:
        raise RunConflict(f"{error}; restore it, or start over with fresh") from None


def differences(before: Mapping[str, Any], now: Mapping[str, Any], ignored: frozenset[str]) -> list[str]:
    """What two sets of settings differ in, one phrase per name; `ignored` names those that may."""
    return [
        f"{name} was {before.get(name)!r} and is {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if name not in ignored and before.get(name) != now.get(name)
    ]


def _foreign_files(folder: Path) -> list[str]:
    """Files in a folder that are neither hidden nor a notebook or a log."""
    found = folder.rglob("*") if folder.is_dir() else []
    named = (path.relative_to(folder) for path in found if path.is_file() and path.suffix not in NOT_OURS)
    return sorted(str(name) for name in named if not any(part.startswith(".") for part in name.parts))
