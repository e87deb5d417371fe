"""A checkpoint's folder on disk: its name, its manifest, and writing it whole or not at all.

Knows nothing of tensors: whoever writes one fills the folder.
"""

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mirror.lock import locked
from mirror.prompts import PromptSet
from mirror.run import display_path, remove_scratch, write_json

MANIFEST = "manifest.json"
PROMPTS = "prompts.json"


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


def checkpoint_name(size: str, cot: str, epochs: int) -> str:
    """The folder's name; an underscore stands before the cot, exactly so."""
    return f"llava-v1.5-{size}-mirror_{cot}-task-lora-epoch{epochs}"


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """A scratch folder that becomes `folder` when the block ends, and vanishes when it fails.

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
            os.replace(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def write_manifest(folder: Path, manifest: Manifest, prompts: PromptSet) -> None:
    write_json(folder / PROMPTS, prompts.to_json())
    write_json(folder / MANIFEST, asdict(manifest))


def read_manifest(folder: Path) -> Manifest:
    """The folder's manifest. Raises FileNotFoundError where there is none (the original trainer writes none)."""
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"{folder}: no {MANIFEST}, so it was not written by this software; "
            "say which base model and which cot the adapter was trained with"
        )
    values = json.loads(path.read_text(encoding="utf-8"))
    if unknown := values.keys() - Manifest.__dataclass_fields__.keys():
        raise ValueError(f"{path}: unknown entries {sorted(unknown)}; a newer version of this software wrote it")
    return Manifest(**values)


def read_prompts(folder: Path) -> PromptSet:
    """The prompt templates that the checkpoint was trained with."""
    return PromptSet.from_json(json.loads((Path(folder) / PROMPTS).read_text(encoding="utf-8")))


def intermediate_folder(final: Path, step: int) -> Path:
    """Where the checkpoint after `step` lies until the training is through: `<final>.steps/step-000120`."""
    return final.with_name(f"{final.name}.steps") / f"step-{step:06d}"


def intermediates(final: Path) -> list[Path]:
    """All whole intermediate checkpoints of a training, oldest first."""
    return sorted(final.with_name(f"{final.name}.steps").glob("step-*"))
