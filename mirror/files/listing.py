"""Listings of files and their sizes, for notebooks."""

from collections.abc import Iterator
from pathlib import Path

from mirror.paths import display_path

LONGEST = 72  # characters of a path


def files(*folders: Path) -> list[dict[str, str]]:
    """List every file in `folders`, sorted within each: its path (`file`) and its `size` with a unit, e.g. `1.5 MB`."""
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [{"file": shortened(display_path(path)), "size": _readable(path.stat().st_size)} for path in found]


def overview(folder: Path, most: int = 12) -> list[dict[str, str]]:
    """List what is in a folder, without hidden files: as `files`, but with one row for a large folder.

    Long paths are shortened in the middle.

    Args:
        folder: is shown with its files, however many they are.
        most: of the files that a folder in it may hold to be shown with them.

    Returns:
        One row per file or large folder, sorted within each folder, with its path (`file`), the number of `files` that
        it holds, and their `size` with a unit.
    """
    return [row for entry in _entries(folder) for row in _rows(entry, most)]


def _rows(entry: Path, most: int) -> Iterator[dict[str, str]]:
    if entry.is_dir() and len(_files(entry)) <= most:
        for inner in _entries(entry):
            yield from _rows(inner, most)
        return
    held = [entry] if entry.is_file() else _files(entry)
    size = sum(path.stat().st_size for path in held)
    yield {
        "file": shortened(display_path(entry)) + "/" * entry.is_dir(),
        "files": f"{len(held):,}",
        "size": _readable(size),
    }


def _files(folder: Path) -> list[Path]:
    """All files below a folder, but for hidden ones."""
    inner = ([entry] if entry.is_file() else _files(entry) for entry in _entries(folder))
    return [path for paths in inner for path in paths]


def _entries(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))


def shortened(path: str, most: int = LONGEST) -> str:
    """Leave out the middle of a path that is longer than `most` characters; its end, which tells files apart, stays."""
    if len(path) <= most:
        return path
    end = most * 2 // 3
    return f"{path[: most - end - 1]}…{path[-end:]}"


def _readable(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if float(f"{size:.3g}") < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
