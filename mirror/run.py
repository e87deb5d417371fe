"""Where things lie and the record of a run: its folder, its settings, its provenance. Every write is atomic.

Knows nothing of what a run does.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

PACKAGES = ("mirror-notebooks", "torch", "transformers", "peft", "diffusers", "numpy", "pillow", "papermill")


def repository_root() -> Path:
    """The folder that `notebooks/`, `params/` and `pocket/` lie in, whatever folder a notebook was started from."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here, *Path.cwd().resolve().parents, Path.cwd().resolve()):
        if (folder / "pyproject.toml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return Path.cwd().resolve()


def input_path(name: str | Path) -> Path:
    """`name` as an absolute path; a relative one counts from the repository's root, `~` is the home folder."""
    path = Path(name).expanduser()
    return path if path.is_absolute() else repository_root() / path


def output_path(name: str | Path) -> Path:
    """Like `input_path`, but relative names count from `$MIRROR_OUTPUT` where that is set."""
    path = Path(name).expanduser()
    base = Path(os.environ.get("MIRROR_OUTPUT") or repository_root()).expanduser().resolve()
    return path if path.is_absolute() else base / path


def display_path(path: Path) -> str:
    """`path` as a person would type it: relative to where results go, if it lies below."""
    for base in (output_path("."), repository_root()):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all: a reader, or a run that goes on after a kill, never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes `text` as UTF-8, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def sha256(path: Path) -> str:
    """The file's SHA-256, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seed_for(*parts: Any) -> int:
    """A seed in 0…2⁶³-1 by a stable hash of what it is for: the same on every machine and in every process."""
    digest = hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def differences(before: Mapping[str, Any], now: Mapping[str, Any], ignored: frozenset[str]) -> list[str]:
    """What two sets of settings differ in, a phrase a name; `ignored` names those that may."""
    return [
        f"{name} was {before.get(name)!r} and is {now.get(name)!r}"
        for name in sorted(before.keys() | now.keys())
        if name not in ignored and before.get(name) != now.get(name)
    ]


class RunConflict(ValueError):
    """A run's folder holds another run. Nothing was changed."""


class Run:
    """A folder `results/<name>/` with `settings.yaml` and `provenance.json`; the rest is the notebook's own."""

    def __init__(self, name: str, settings: Mapping[str, Any], machine: frozenset[str], fresh: bool = False) -> None:
        """Opens or makes the folder. Refuses one with other settings (`machine` names those that may differ).

        `fresh` empties the folder first, if it is a run's.
        """
        self.folder = output_path("results") / name
        self.settings = dict(settings)
        path = self.folder / "settings.yaml"
        if fresh and path.is_file():
            shutil.rmtree(self.folder)
        if path.is_file():
            self._refuse_other_settings(path, machine)
        write_text(path, yaml.safe_dump(self.settings, sort_keys=False, allow_unicode=True))
        self.started = time.time()

    def _refuse_other_settings(self, path: Path, machine: frozenset[str]) -> None:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        if differing := differences(written, self.settings, machine):
            raise RunConflict(
                f"{display_path(self.folder)} holds a run with other settings ({'; '.join(differing)}); "
                "give this one another name (-p run NAME), or start over with -p fresh True"
            )

    @property
    def provenance(self) -> dict[str, Any]:
        """What is recorded of the run so far; empty before the first record."""
        return read_provenance(self.folder)

    @property
    def is_complete(self) -> bool:
        return self.provenance.get("status") == "complete"

    def record(self, status: str, **facts: Any) -> None:
        """Adds `facts` to `provenance.json`, with the status, the times, the code and the machine."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        before = self.provenance
        before.pop("reason", None)  # why an earlier part ended
        write_json(
            self.folder / "provenance.json",
            {
                **before,
                "status": status,
                "started": before.get("started", now),
                "updated": now,
                **environment(),
                **facts,
            },
        )


def read_provenance(folder: Path) -> dict[str, Any]:
    """What is recorded of the run in `folder`; empty before the first record."""
    path = folder / "provenance.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def files(*folders: Path) -> list[dict[str, str]]:
    """Every file in `folders`, as `file` and `size` (readable units), in order."""
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [{"file": display_path(path), "size": _readable(path.stat().st_size)} for path in found]


def _readable(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if float(f"{size:.3g}") < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def environment() -> dict[str, Any]:
    """The code's commit, the packages' versions and the machine."""
    return {
        "code": commit(),
        "versions": versions() | {"python": platform.python_version()},
        "platform": platform.platform(),
    }


def versions() -> dict[str, str]:
    """The installed versions of the packages that results depend on."""
    return {name: version for name in PACKAGES if (version := _version(name))}


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def commit() -> dict[str, Any]:
    """The repository's commit and whether files differ from it; both None outside a git checkout."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(["git", *words], cwd=repository_root(), capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    status = git("status", "--porcelain", "--untracked-files=no")
    return {"commit": git("rev-parse", "HEAD"), "changed": None if status is None else bool(status)}
