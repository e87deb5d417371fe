"""Atomic writing and removal of files and folders."""

import glob
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically, creating its parent folders; a reader never sees a partial file, even after a kill."""
    write_parts(path, [content])


def write_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file atomically from parts that are not in memory together; if one raises, nothing is written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        with open(partial, "wb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8, atomically."""
    write_bytes(path, text.encode())


def discard(folder: Path) -> None:
    """Remove a folder atomically: it is renamed first, so that a kill leaves all of it or nothing under its name.

    Also deletes the renamed folders that earlier, killed removals left.
    """
    if folder.exists():
        os.replace(folder, folder.with_name(f".{folder.name}.discarded-{uuid.uuid4().hex}"))
    remove_scratch(folder, "discarded-*")


def remove_scratch(folder: Path, pattern: str) -> None:
    """Remove the hidden folders `.<name>.<pattern>` that killed processes left beside a folder."""
    for scratch in folder.parent.glob(f".{glob.escape(folder.name)}.{pattern}"):
        shutil.rmtree(scratch)
