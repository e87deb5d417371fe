"""Input and output paths. Relative paths are resolved against the repository, outputs against `$MIRROR_OUTPUT`."""

import os
from functools import cache
from pathlib import Path


def repository_root() -> Path:
    """Return the folder that contains `notebooks/`, `params/` and `pocket/`, regardless of the working directory."""
    return _repository_seen_from(Path.cwd())


@cache  # it takes dozens of calls to the file system, and is asked for every path that is shown
def _repository_seen_from(working: Path) -> Path:
    here, working = Path(__file__).resolve().parents[1], working.resolve()
    for folder in (here, *working.parents, working):
        if (folder / "pyproject.toml").is_file() and (folder / "notebooks").is_dir():
            return folder
    return working


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


def whole_path(path: Path) -> str:
    """Return `path` for somebody who looks for the file: relative to the repository alone, in full elsewhere."""
    root = repository_root()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
