"""Checks of the folders that runs write to: whether they can be written, and the disk that is free there."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from mirror.paths import output_path
from mirror.terminal.doctor.check import Check, gigabytes
from mirror.terminal.doctor.targets import DIALOGUES

SPARE = 0.5e9  # bytes for the texts, faces and tables of a trial, beside checkpoints and downloads


@dataclass(frozen=True)
class Storage:
    """A folder that runs write to.

    Attributes:
        folder: it need not be there yet.
        free: bytes.
        disk: the number of its file system.
        obstacle: why nothing can be written there; empty if it can.
    """

    folder: Path
    free: int
    disk: int = 0
    obstacle: str = ""

    @classmethod
    def at(cls, folder: Path) -> "Storage":
        """Looks at a folder, or where it will be made; a file without a name is written there for a moment."""
        there = folder
        while not there.exists():
            there = there.parent
        obstacle = ""
        try:
            with tempfile.TemporaryFile(dir=there) as file:
                file.write(b"0")
        except OSError as error:  # permissions, a read-only or full file system, a quota
            obstacle = f"{there}: {error.strerror}"
        return cls(folder, shutil.disk_usage(there).free, there.stat().st_dev, obstacle)

    @classmethod
    def of_results(cls) -> "Storage":
        """Where results and checkpoints go."""
        return cls.at(output_path("."))

    @classmethod
    def of_models(cls) -> "Storage":
        """Where models from the Hub go."""
        return cls.at(Path(constants.HF_HUB_CACHE))


def checks(
    results: Storage, models: Storage | None, checkpoints: int, to_download: int, pictures: int = 0
) -> Iterator[Check]:
    """Compare the folders with what will be written.

    Args:
        results: where results and checkpoints go.
        models: where models from the Hub go; None if all are here.
        checkpoints: bytes of them, at most at a time.
        to_download: bytes of models that are still to come, as far as the Hub told.
        pictures: bytes of those of a training set that is still to be built.
    """
    uses = [f"{gigabytes(SPARE)} for results"] + [f"{gigabytes(checkpoints)} for checkpoints"] * bool(checkpoints)
    uses += [f"{gigabytes(pictures)} for a set of {DIALOGUES:,} dialogues"] * bool(pictures)
    needed = SPARE + checkpoints + pictures
    if models and to_download and results.disk == models.disk:
        uses.append(f"{gigabytes(to_download)} to download")
        needed += to_download
    words = f"{', '.join(uses[:-1])} and {uses[-1]}" if uses[1:] else uses[0]
    yield _check("results and checkpoints", results, needed, words, "MIRROR_OUTPUT")
    if models:
        words = f"{gigabytes(to_download)} to download" if to_download else "the models that are not here"
        yield _check("downloads", models, to_download, words, "HF_HOME")


def _check(name: str, storage: Storage, needed: float, words: str, variable: str) -> Check:
    elsewhere = f"export {variable}=/a/folder/on/another/disk"
    if storage.obstacle:
        owner = f'sudo chown -R "$USER" {storage.folder}'
        return Check(name, f"cannot be written, {storage.obstacle}", words, f"{elsewhere}, or {owner}")
    mend = f"free some at {storage.folder}, or {elsewhere}" if storage.free < needed else ""
    return Check(name, f"{gigabytes(storage.free)} free", words, mend)
