"""Where files are read from and written to: relative paths count from the repository, or from `$MIRROR_OUTPUT`."""

import os
from pathlib import Path


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
