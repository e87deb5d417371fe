"""Checkpoint folders with all their files, written without a training."""

from dataclasses import replace

from mirror.models.checkpoint import Manifest, write_manifest
from mirror.prompts import own_prompts

MANIFEST = Manifest(
    size="pocket",
    cot="ec_planning",
    base_model="pocket/models/llava-v1.5-pocket",
    revision="",
    vision_tower="",
    data="pocket/data/mirror_ec_planning.json",
    data_sha256="0" * 64,
    settings={"learning_rate": 2e-05, "note": "Zoë", "compile": False},
    versions={"torch": "2.13.0"},
    step=12,
    steps=36,
    epoch=1.0,
    losses={"train": 2.5, "held_out": None},
)


def whole_checkpoint(folder, cot="planning", prompts=None):
    """A folder with all files of a checkpoint; its weights are empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("adapter_config.json", "adapter_model.safetensors", "projector.safetensors"):
        (folder / name).touch()
    write_manifest(folder, replace(MANIFEST, cot=cot), prompts or own_prompts(cot))
    return folder
