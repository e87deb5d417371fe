"""The folder of a run, `results/<name>/`: its settings, its provenance, and restarting it.

Shared by all stages; what a run computes is up to its stage.
"""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import yaml

from mirror.files.atomic import discard, write_text
from mirror.files.digests import content_digest
from mirror.files.json_file import read_json, write_json
from mirror.files.lock import locked
from mirror.files.yaml_file import strict_yaml
from mirror.paths import display_path, output_path
from mirror.provenance import environment

SETTINGS = "settings.yaml"
PROVENANCE = "provenance.json"
# Files that may exist before the run is opened: papermill writes the executed notebook there, and the shell logs.
NOT_OURS = (".ipynb", ".log", ".out", ".err")
NONE: Mapping[str, Any] = MappingProxyType({})


class RunConflict(ValueError):
    """The folder contains another run, or files that are not a run. Nothing was changed."""


class Run:
    """A folder `results/<name>/` with `settings.yaml` and `provenance.json`; all other files belong to the stage.

    The constructor changes nothing on disk, so that data and models can be checked before an earlier run is touched;
    `open` starts the run.
    """

    def __init__(
        self,
        name: str,
        settings: Mapping[str, Any],
        machine: frozenset[str],
        fresh: bool = False,
        defaults: Mapping[str, Any] = NONE,
    ) -> None:
        """Check that the folder is free or contains a run with these settings.

        Args:
            name: the folder's name below `results/`.
            settings: all settings of the run.
            machine: names of the settings that may differ when a run is continued (device, number of workers, …).
            fresh: discard an existing run and start over.
            defaults: the values of settings that a run lacks which was begun before these existed.

        Raises:
            RunConflict: the folder contains a run with other settings (unless `fresh`), or files but no settings.
        """
        self.folder = output_path("results") / name
        self.settings = dict(settings)
        self.machine, self.fresh, self.defaults = machine, fresh, dict(defaults)
        self._check()

    def open(self) -> Self:
        """Start or continue the run: discard an earlier run if `fresh`, then write the settings.

        Raises:
            RunConflict: as for the constructor.
            FolderInUse: another process holds the folder.
        """
        with locked(self.folder, "opening the run"):
            self._check()
            if self.fresh:
                discard(self.folder)
                self.fresh = False  # only once: files written from now on belong to this run
            write_text(self.folder / SETTINGS, self._settings_text())
        return self

    @contextlib.contextmanager
    def working(self, work: str) -> Iterator[None]:
        """Lock the folder for this process while it writes there.

        Args:
            work: what the process does, for the error message in other processes.

        Raises:
            RunConflict: another run was started in the folder since it was opened.
            FolderInUse: another process holds the folder.
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
                    f"{display_path(self.folder)} contains {foreign[0]} but no {SETTINGS}, so it is not a run; move "
                    "the folder away, or give this run another name (-p run NAME)"
                )
        elif not self.fresh:
            self._check_settings()

    def _check_settings(self) -> None:
        written = read_settings(self.folder)
        if differing := differences(written, self.settings, self.machine, self.defaults):
            raise RunConflict(
                f"{display_path(self.folder)} holds a run with other settings ({'; '.join(differing)}); "
                "give this run another name (-p run NAME), or start over with -p fresh True"
            )

    @property
    def provenance(self) -> dict[str, Any]:
        """The content of `provenance.json`; empty before the first `record`."""
        return read_provenance(self.folder)

    @property
    def is_begun(self) -> bool:
        """Whether the folder contains a run: this one, or an earlier one that `fresh` will discard."""
        return (self.folder / SETTINGS).is_file()

    @property
    def is_complete(self) -> bool:
        """Whether the recorded status is `complete`."""
        return self.provenance.get("status") == "complete"

    def record(self, status: str, *forgotten: str, **facts: Any) -> None:
        """Update `provenance.json` with the status, the times, the code, the machine and `facts`.

        Args:
            status: `complete`, or what the run is doing or why it stopped.
            forgotten: names of entries of an earlier process that hold no longer.
            facts: further entries, JSON values; they replace earlier ones of the same name.
        """
        now = datetime.now(UTC).isoformat(timespec="seconds")
        before = self.provenance
        for name in ("reason", *forgotten):  # the reason explained why an earlier process stopped
            before.pop(name, None)
        record = {**before, "status": status, "started": before.get("started", now), "updated": now}
        settings = {"machine_settings": sorted(self.machine), "settings_sha256": self._settings_digest()}
        write_json(self.folder / PROVENANCE, {**record, **environment(), **settings, **facts})

    def _settings_digest(self) -> str:
        return settings_digest(read_settings(self.folder), self.machine)


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of the run in `folder`.

    Raises:
        FileNotFoundError: the folder has no settings.
        RunConflict: the settings are damaged.
    """
    path = folder / SETTINGS
    try:
        settings = strict_yaml(path.read_bytes())
    except ValueError as error:
        fault = f"cannot be read as YAML: {' '.join(str(error).split())}"
    else:
        if isinstance(settings, dict):
            return settings
        fault = f"must hold settings by name, found {settings!r}"
    raise RunConflict(f"{display_path(path)} is damaged ({fault:.200}); restore it, or start over with -p fresh True")


def read_provenance(folder: Path) -> dict[str, Any]:
    """Read the provenance of the run in `folder`; empty before the first record.

    Raises:
        RunConflict: the provenance is damaged.
    """
    path = folder / PROVENANCE
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except ValueError as error:
        raise RunConflict(f"{error}; restore it, or start over with fresh") from None


def settings_digest(settings: Mapping[str, Any], machine: Collection[str]) -> str:
    """SHA-256 (hex) of the settings that decide the results; those named in `machine` may change within a run."""
    return content_digest({name: value for name, value in settings.items() if name not in machine})


def settings_faults(folder: Path) -> list[str]:
    """What is wrong with the settings of the run in `folder`; empty if they are as they were recorded, or were not."""
    try:
        recorded = read_provenance(folder)
        if not (written := recorded.get("settings_sha256")):
            return []
        settings = read_settings(folder)
    except (RunConflict, FileNotFoundError) as error:
        return [str(error)]
    if settings_digest(settings, recorded.get("machine_settings", ())) == written:
        return []
    return [f"{display_path(folder / SETTINGS)} was changed since the run recorded it; restore it"]


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], ignored: frozenset[str], defaults: Mapping[str, Any] = NONE
) -> list[str]:
    """Compare two sets of settings.

    Args:
        before: the earlier settings.
        now: the present settings.
        ignored: names that may differ.
        defaults: values of names that one of them may lack, as it was recorded before these existed.

    Returns:
        One phrase per differing name, sorted by name.
    """
    before, now = {**defaults, **before}, {**defaults, **now}
    return [
        f"{name} was {before.get(name)!r} and is {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if name not in ignored and before.get(name) != now.get(name)
    ]


def _foreign_files(folder: Path) -> list[str]:
    """List the files in a folder, recursively, that are neither hidden nor a notebook or a log."""
    found = folder.rglob("*") if folder.is_dir() else []
    named = (path.relative_to(folder) for path in found if path.is_file() and path.suffix not in NOT_OURS)
    return sorted(str(name) for name in named if not any(part.startswith(".") for part in name.parts))
