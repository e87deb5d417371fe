"""Listings of files and their sizes, for notebooks."""

from pathlib import Path

from mirror.paths import display_path


def files(*folders: Path) -> list[dict[str, str]]:
    """List every file in `folders`, sorted within each: its path (`file`) and its `size` with a unit, e.g. `1.5 MB`."""
    found = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    return [{"file": display_path(path), "size": _readable(path.stat().st_size)} for path in found]


def _readable(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if float(f"{size:.3g}") < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"
