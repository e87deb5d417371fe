"""A checkpoint's folder on disk: its name, its manifest, and writing it atomically.

Reads and writes no tensors; the caller of `writing` does.
"""

import os
import re
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
from mirror.models.hub_id import is_hub_id
from mirror.paths import display_path, input_path, output_path, repository_root
from mirror.prompts import PromptSet
from mirror.settings.errors import SettingsError
from mirror.settings.params_file import read_params

OTHER = "other"  # the size of every model that is not LLaVA-1.5
NO_BASE = "size is other, and base_model is empty; name the model (a Hub id or a folder)"
MANIFEST = "manifest.json"
PROMPTS = "prompts.json"
MERGED = ("config.json", "tokenizer.json", "preprocessor_config.json", "chat_template.jinja", MANIFEST, PROMPTS)
MERGED_OTHER = ("config.json", MANIFEST, PROMPTS)  # of any family: with or without images, fast tokenizer or not
# At least one file of each line, named by this software or by the original trainer.
WEIGHTS = (
    ("adapter_config.json",),
    ("adapter_model.safetensors", "adapter_model.bin"),
    ("projector.safetensors", "non_lora_trainables.bin"),
)
WITH_PROJECTOR = WEIGHTS[:2]  # of other models than LLaVA-1.5, whose projector is in the adapter


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint is and how it was trained. None of this is ever read from its path.

    Attributes:
        size: `7b`, `13b`, `pocket` or `other`.
        cot: the variant.
        base_model: Hub id or folder.
        revision: Hub commit of the base model; empty for a folder.
        vision_tower: Hub id or folder; empty for the one in the base model's config.
        data: path of the training set.
        data_sha256: hash of that file.
        settings: all settings of the training.
        versions: package → version.
        step: optimizer steps taken.
        steps: optimizer steps of the whole training.
        epoch: passes over the training set, a fraction within an epoch.
        losses: the last `train` and `held_out` loss, in nats per answer token; None where there is none.
        format: version of this file's format.
        derived: what was removed from the data of a richer variant, one sentence per change; empty if nothing.
        prompts: kind of prompt → `data`, or `own` where no record has such a prompt.
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
    prompts: dict[str, str] = field(default_factory=dict)

    @property
    def untrained(self) -> list[str]:
        """The kinds of prompt that the model was not trained on; its base language model answers them."""
        return [kind for kind, origin in self.prompts.items() if origin == "own"]


def checkpoint_name(size: str, cot: str, epochs: int, base_model: str = "") -> str:
    """The name of a checkpoint's folder.

    LLaVA-1.5's are named as by the original trainer: an underscore precedes the cot. Others have their base model's
    name in its place.
    """
    model = model_name(base_model) if size == OTHER else f"llava-v1.5-{size}"
    return f"{model}-mirror_{cot}-task-lora-epoch{epochs}"


def model_name(base_model: str) -> str:
    """The name of a model without its owner or folder: `Qwen3-VL-8B-Instruct`."""
    return re.sub(r"[^\w.-]+", "-", base_model.rstrip("/").rpartition("/")[2]) or OTHER


def counselor_name(counselor: object, size: str, base_model: str) -> str:
    """What a run of this counselor is named after: the size, or the model of another one, and whether it is served."""
    name = model_name(base_model) if size == OTHER else size
    return {"openai": "openai", "served": f"{name}-served"}.get(str(counselor), name)


@contextmanager
def writing(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `folder`, with digests, when the block ends; it is removed on an error.

    Raises:
        FileExistsError: `folder` exists; a checkpoint is never overwritten.
        FolderInUse: another process writes it.
    """
    if folder.exists():
        raise FileExistsError(
            f"{display_path(folder)} exists already; move it away, or write to another folder (checkpoint_folder)"
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
    """Write `prompts.json`, and `manifest.json` with the origins of the prompts filled in."""
    written = prompts.to_json()
    origins = {kind: written[kind]["origin"] for kind in prompts.templates}
    write_json(folder / PROMPTS, written)
    write_json(folder / MANIFEST, asdict(replace(manifest, prompts=origins)))


def read_manifest(folder: Path) -> Manifest:
    """The folder's manifest.

    Raises:
        FileNotFoundError: there is none (the original trainer writes none).
        ValueError: it cannot be read, or was written by another version.
    """
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} is missing: restore it, or, if another software wrote the adapter, say which base model and which "
            "cot it was trained with"
        )
    values = read_json(path)
    if unknown := values.keys() - Manifest.__dataclass_fields__.keys():
        raise ValueError(f"{path}: unknown entries {sorted(unknown)}; a newer version of this software wrote it")
    needed = {entry.name for entry in fields(Manifest) if entry.name not in ("format", "prompts")}
    if missing := needed - values.keys():
        raise ValueError(f"{path}: the entries {sorted(missing)} are missing; the file was changed or damaged")
    return Manifest(**values)


def read_prompts(place: Path) -> PromptSet:
    """The prompt templates of a checkpoint's folder, or of a file in the format of its `prompts.json`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it holds no prompt templates.
    """
    path = Path(place) / PROMPTS if Path(place).is_dir() else Path(place)
    if not path.is_file():
        raise FileNotFoundError(f"no such file {path}")
    try:
        return PromptSet.from_json(read_json(path))
    except ValueError as error:
        raise ValueError(str(error) if str(path) in str(error) else f"{path}: {error}") from None


def checkpoint_faults(folder: Path, size: str, cot: str) -> list[str]:
    """Check a checkpoint against the settings without loading weights.

    Args:
        folder: of the checkpoint.
        size: `7b`, `13b`, `pocket` or `other`.
        cot: the variant.

    Returns:
        One sentence per fault: missing or damaged files, another size or variant, a missing base model.
    """
    if not folder.is_dir():
        return [f"no such folder {folder}; {_advice(folder)}"]
    faults = [
        f"{folder} has none of {' and '.join(names)}; copy the whole folder, or train it again"
        for names in (WITH_PROJECTOR if size == OTHER else WEIGHTS)
        if not any((folder / name).is_file() for name in names)
    ]
    faults += folder_faults(folder)
    try:
        manifest = read_manifest(folder)
    except (FileNotFoundError, ValueError) as error:
        return [*faults, str(error)]
    faults += _other_kind(folder, manifest, size, cot)
    base = manifest.base_model
    if not is_hub_id(base) and not input_path(base).is_dir():
        faults.append(f"{folder} was trained on {base}, and there is no such folder {input_path(base)}; put it there")
    return faults


def training_params(folder: Path) -> list[str]:
    """The params files of the repository whose training writes this checkpoint, which need not exist."""
    found = []
    for path in sorted((repository_root() / "params/train").glob("*.yaml")):
        try:
            values = read_params(path)
        except SettingsError:  # a training with it says what is wrong
            continue
        size, cot, base, within = (str(values.get(key)) for key in ("size", "cot", "base_model", "checkpoint_folder"))
        if output_path(within) / checkpoint_name(size, cot, values.get("epochs", 0), base) == folder:
            found.append(str(path.relative_to(repository_root())))
    return found


def _advice(folder: Path) -> str:
    """How to come by a checkpoint that is not there."""
    if found := training_params(folder):
        commands = ", or ".join(f"mirror train -f {path}" for path in found)
        return f"train it: {commands}; or name another one: -p checkpoint PATH"
    return "train one, name another one, or leave it empty for an untrained counselor"


def merged_faults(folder: Path, size: str, cot: str, untrained_model: str) -> list[str]:
    """Check the folder of a merged checkpoint against the settings; its weights need not be on this machine.

    Args:
        folder: written by `mirror.models.merge`.
        size: `7b`, `13b`, `pocket` or `other`.
        cot: the variant.
        untrained_model: who answers the prompts that the checkpoint was not trained on; empty for nobody.

    Returns:
        One sentence per fault: missing files, another size or variant, prompts that nobody answers.
    """
    advice = "write it with python -m mirror.models.merge"
    if not folder.is_dir():
        return [f"no such folder {folder}; {advice}"]
    needed = MERGED_OTHER if size == OTHER else MERGED
    if missing := [name for name in needed if not (folder / name).is_file()]:
        return [f"{folder} has no {' and no '.join(missing)}, so it is not a merged checkpoint; {advice}"]
    try:
        manifest = read_manifest(folder)
    except ValueError as error:
        return [str(error)]
    faults = _other_kind(folder, manifest, size, cot)
    if manifest.untrained and not untrained_model:
        faults.append(
            f"{folder} was not trained on prompts of {' and '.join(manifest.untrained)}, which its base language model "
            "answers; serve that, too (python -m mirror.models.merge --without-adapter), and name it in untrained_model"
        )
    return faults


def _other_kind(folder: Path, manifest: Manifest, size: str, cot: str) -> list[str]:
    if (manifest.size, manifest.cot) == (size, cot):
        return []
    return [
        f"{folder} is of size {manifest.size} and cot {manifest.cot}, the settings say {size} and {cot}; set them "
        "to those of the checkpoint"
    ]


def remove_file(folder: Path, name: str) -> None:
    """Remove a file from a checkpoint, and from its digests first, so that a kill in between leaves it valid."""
    if (folder / DIGESTS).is_file():
        write_json(
            folder / DIGESTS, {file: entry for file, entry in read_json(folder / DIGESTS).items() if file != name}
        )
    (folder / name).unlink(missing_ok=True)


def intermediate_folder(final: Path, step: int) -> Path:
    """The folder of the intermediate checkpoint after `step`: `<final>.steps/step-000120`."""
    return final.with_name(f"{final.name}.steps") / f"step-{step:06d}"


def intermediates(final: Path) -> list[Path]:
    """All complete intermediate checkpoints of a training, oldest first."""
    return sorted(final.with_name(f"{final.name}.steps").glob("step-*"))
