"""Input and output paths. Relative paths are resolved against the repository, outputs against `$MIRROR_OUTPUT`."""

import os
from pathlib import Path


def repository_root() -> Path:
    """Return the folder that contains `notebooks/`, `params/` and `pocket/`, regardless of the working directory."""
    here = Path(__file__).resolve().parents[1]
    for folder in (here, *Path.cwd().resolve().parents, Path.cwd().resolve()):
        if (folder / "pyproject.toml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return Path.cwd().resolve()


def input_path(name: str | Path) -> Path:
    """Return `name` as an absolute path: relative paths are resolved against the repository, `~` is expanded."""
    path = Path(name).expanduser()
    return path if path.is_absolute() else repository_root() / path


def output_path(name: str | Path) -> Path:
    """Return `name` as an absolute path, like `input_path`, but relative to `$MIRROR_OUTPUT` if that is set."""
    path = Path(name).expanduser()
    base = Path(os.environ.get("MIRROR_OUTPUT") or repository_root()).expanduser().resolve()
    return path if path.is_absolute() else base / path


def display_path(path: Path) -> str:
    """Return `path` for messages: relative to the output folder or the repository if it is inside one of them."""
    for base in (output_path("."), repository_root()):
        if path.is_relative_to(base):
            return str(path.relative_to(base))
    return str(path)
