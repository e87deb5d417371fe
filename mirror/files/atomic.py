"""Writes and removes files and folders completely or not at all."""

import glob
import os
import shutil
import uuid
from pathlib import Path


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
