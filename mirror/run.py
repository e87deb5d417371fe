"""Paths, atomic writes, seeds, and the versions of code and machine that a record names.

Knows nothing of runs.
"""

import glob
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mirror.text_file import lone_surrogate

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
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
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
    """Writes `value` as strict JSON. Raises ValueError for NaN and the infinities, which JSON does not have."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def strict_json(text: str | bytes) -> Any:
    """The value of a JSON text: bytes are UTF-8, with or without a byte order mark.

    Raises:
        ValueError: it is no JSON, names a value twice, or holds what JSON does not have (NaN, an infinity) or no file
            can hold (half a surrogate pair); says what and where.
    """
    text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if "\\u" in text and (half := lone_surrogate(json.dumps(value, ensure_ascii=False))):
        raise ValueError(f"holds {half.partition(' at ')[0]}")
    return value


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        OSError: it cannot be read.
        ValueError: as `strict_json`, or it holds something else; the message names the file.
    """
    try:
        value = strict_json(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{display_path(path)} is damaged: cannot be read as JSON ({error})") from None
    if not isinstance(value, dict):
        raise ValueError(f"{display_path(path)} is damaged: must hold one object, found {type(value).__name__}")
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"names {next(name for name in names if names.count(name) > 1)!r:.80} twice")
    return values


def _no_number(name: str) -> Any:
    raise ValueError(f"holds {name}, which JSON does not have")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"holds {text:.40}, a number without end")
    return number


def discard(folder: Path) -> None:
    """Removes a folder that is a unit: renamed first, so that a kill in the middle leaves all of it or none.

    What a kill left of earlier removals goes too.
    """
    if folder.exists():
        os.replace(folder, folder.with_name(f".{folder.name}.discarded-{uuid.uuid4().hex}"))
    remove_scratch(folder, "discarded-*")


def remove_scratch(folder: Path, pattern: str) -> None:
    """Removes the hidden folders `.<name>.<pattern>` beside a folder, which killed processes left."""
    for scratch in folder.parent.glob(f".{glob.escape(folder.name)}.{pattern}"):
        shutil.rmtree(scratch)


def sha256(path: Path) -> str:
    """The file's SHA-256, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seed_for(*parts: Any) -> int:
    """A seed in 0…2⁶³-1 by a stable hash of what it is for: the same on every machine and in every process."""
    digest = hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


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
