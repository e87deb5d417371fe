"""Caveats on training: arms whose checkpoints were trained with other settings than the first one's.

Read from the manifest in the checkpoint's folder, if it is still the one that the run has used, else from what the run
recorded of it.
"""

from collections.abc import Sequence
from typing import Any

from mirror.files.json_file import read_json
from mirror.paths import output_path
from mirror.transcripts.arm import Arm

MANIFEST = "manifest.json"
# Settings of a training that decide its weights. The variant, its base model and its data define the counselor.
TRAINED = (
    "epochs batch_size learning_rate projector_learning_rate lora_rank lora_alpha lora_dropout weight_decay "
    "warmup_ratio max_grad_norm max_length held_out early_stopping on_fault seed precision float8 quantize"
).split()


def different_training(arms: Sequence[Arm]) -> list[str]:
    """Lists a caveat for each arm whose checkpoint was trained otherwise than that of the first trained arm."""
    trained = [(arm, facts) for arm in arms if (facts := training_facts(arm))]
    found = []
    for arm, facts in trained[1:]:
        first, of_first = trained[0]
        differing = [
            f"{name} is {_shown(of_first[name])} in {first.name} and {_shown(facts[name])} in {arm.name}"
            for name in TRAINED
            if name in of_first and name in facts and of_first[name] != facts[name]
        ]
        if differing:
            names = f"{first.name} and {arm.name}"
            found.append(f"The checkpoints of {names} were trained with other settings: {'; '.join(differing)}.")
    return found


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else repr(value)


def training_facts(arm: Arm) -> dict[str, Any]:
    """The settings of an arm's training, as far as they are known; empty without a checkpoint."""
    recorded = ((arm.provenance.get("cast") or {}).get("counselor") or {}).get("counselor") or {}
    if not arm.settings.get("checkpoint"):
        return {}
    known = {"epochs": recorded["epoch"]} if "epoch" in recorded else {}
    try:
        manifest = read_json(output_path(arm.settings["checkpoint"]) / MANIFEST)
    except (OSError, ValueError):  # moved, or never here: the run keeps the epochs alone
        return known
    is_same = all(manifest.get(name) == recorded.get(name) for name in ("data_sha256", "epoch"))
    settings = manifest.get("settings")
    if not is_same or not isinstance(settings, dict):  # trained again since
        return known
    return {name: value for name, value in settings.items() if name in TRAINED} | known
