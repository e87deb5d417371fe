"""A checkpoint's folder on disk: its name, its manifest, and writing it whole or not at all.

Knows nothing of tensors: whoever writes one fills the folder.
"""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from mirror.files.atomic import remove_scratch
from mirror.files.digests import DIGESTS, folder_faults, write_digests
from mirror.files.json_file import read_json, write_json
from mirror.files.lock import locked
from mirror.paths import display_path, input_path
from mirror.prompts import PromptSet

MANIFEST = "manifest.json"
PROMPTS = "prompts.json"
# Of each line one file at least, by this software's name or the original trainer's.
WEIGHTS = (
    ("adapter_config.json",),
    ("adapter_model.safetensors", "adapter_model.bin"),
    ("projector.safetensors", "non_lora_trainables.bin"),
)


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint is. Nothing of this is ever read off its path.

    `step` of `steps` optimizer steps were taken; `losses` holds the last train and held-out loss (nats per token).
    `derived` says what was taken out of the data, where they are of a richer variant; empty where nothing was.
    """

    size: str
    cot: str
    base_model: str
    revision: str
    vision_tower: str
    data: str
    data_sha256: str
    settings: dict[str, Any]
    versions: dict[str, str]
    step: int
    steps: int
    epoch: float
    losses: dict[str, float | None]
    format: int = 1
    derived: list[str] = field(default_factory=list)
    prompts: dict[str, str] = field(default_factory=dict)  # kind of prompt → `data`, or `own` where no record asks so


def checkpoint_name(size: str, cot: str, epochs: int) -> str:
    """The folder's name; an underscore stands before the cot, exactly so."""
    return f"llava-v1.5-{size}-mirror_{cot}-task-lora-epoch{epochs}"


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """A scratch folder that becomes `folder` when the block ends, with its digests, and vanishes when it fails.

    Raises:
        FileExistsError: `folder` is already there; a checkpoint is never written over.
        FolderInUse: another process writes it.
    """
    if folder.exists():
        raise FileExistsError(
            f"{display_path(folder)} is already there; move it away, or train under another checkpoint_folder"
        )
    with locked(folder, "writing"):
        remove_scratch(folder, "*.partial")
        partial = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}.partial")
        partial.mkdir(parents=True)
        try:
            yield partial
            write_digests(partial)
            os.replace(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def write_manifest(folder: Path, manifest: Manifest, prompts: PromptSet) -> None:
    written = prompts.to_json()
    origins = {kind: written[kind]["origin"] for kind in prompts.templates}
    write_json(folder / PROMPTS, written)
    write_json(folder / MANIFEST, asdict(replace(manifest, prompts=origins)))


def read_manifest(folder: Path) -> Manifest:
    """The folder's manifest.

    Raises:
        FileNotFoundError: there is none (the original trainer writes none).
        ValueError: it cannot be read, or is not one of this version; says what is wrong.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder}: no {MANIFEST}, so it was not written by this software; "
            "say which base model and which cot the adapter was trained with"
        )
    values = read_json(path)
    if unknown := values.keys() - Manifest.__dataclass_fields__.keys():
        raise ValueError(f"{path}: unknown entries {sorted(unknown)}; a newer version of this software wrote it")
    needed = {entry.name for entry in fields(Manifest) if entry.name not in ("format", "prompts")}
    if missing := needed - values.keys():
        raise ValueError(f"{path}: the entries {sorted(missing)} are missing; the file was changed or damaged")
    return Manifest(**values)


def read_prompts(place: Path) -> PromptSet:
    """The prompt templates of a checkpoint's folder, or of a file in the form of its `prompts.json`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no prompt templates; says what is wrong.
    """
    path = Path(place) / PROMPTS if Path(place).is_dir() else Path(place)
    if not path.is_file():
        raise FileNotFoundError(f"no such file {path}")
    try:
        return PromptSet.from_json(read_json(path))
    except ValueError as error:
        raise ValueError(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def checkpoint_faults(folder: Path, size: str, cot: str) -> list[str]:
    """What a checkpoint lacks, or is otherwise than the settings say, a sentence a fault. Loads no weights."""
    if not folder.is_dir():
        return [f"no such folder {folder}; train one, or leave it empty"]
    faults = [
        f"{folder} has none of {' and '.join(names)}; copy the whole folder, or train it again"
        for names in WEIGHTS
        if not any((folder / name).is_file() for name in names)
    ]
    faults += folder_faults(folder)
    try:
        manifest = read_manifest(folder)
    except (FileNotFoundError, ValueError) as error:
        return [*faults, str(error)]
    if (manifest.size, manifest.cot) != (size, cot):
        faults.append(
            f"{folder} is of size {manifest.size} and cot {manifest.cot}, the settings say {size} and {cot}; set them "
            "to what the checkpoint is"
        )
    base = manifest.base_model
    if (base.startswith((".", "/", "~")) or base.count("/") != 1) and not input_path(base).is_dir():
        faults.append(f"{folder} was trained on {base}, and there is no such folder {input_path(base)}; put it there")
    return faults


def remove_file(folder: Path, name: str) -> None:
    """Removes a file from a complete checkpoint, and from its digests first: a kill in between leaves it sound."""
    if (folder / DIGESTS).is_file():
        write_json(
            folder / DIGESTS, {file: entry for file, entry in read_json(folder / DIGESTS).items() if file != name}
        )
    (folder / name).unlink(missing_ok=True)


def intermediate_folder(final: Path, step: int) -> Path:
    """Where the checkpoint after `step` lies until the training is through: `<final>.steps/step-000120`."""
    return final.with_name(f"{final.name}.steps") / f"step-{step:06d}"


def intermediates(final: Path) -> list[Path]:
    """All whole intermediate checkpoints of a training, oldest first."""
    return sorted(final.with_name(f"{final.name}.steps").glob("step-*"))
