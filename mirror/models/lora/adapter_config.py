"""Reads and checks peft's `adapter_config.json`; options beyond plain LoRA are refused by name. Loads no weights."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from mirror.files.json_file import read_json

CONFIG_FILE = "adapter_config.json"
# Supported by mirror.models.lora, which computes the same as peft with them.
SUPPORTED = frozenset(
    {"peft_type", "r", "lora_alpha", "lora_dropout", "use_rslora", "rank_pattern", "alpha_pattern"}
    | {"target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "modules_to_save"}
    | {"init_lora_weights"}
)
# Without effect on a trained LoRA on linear layers: metadata, and what acts only before training or with other options.
WITHOUT_EFFECT = frozenset(
    {"task_type", "inference_mode", "base_model_name_or_path", "revision", "auto_mapping", "peft_version"}
    | {"runtime_config", "megatron_core", "qalora_group_size", "fan_in_fan_out"}
    | {"loftq_config", "eva_config", "corda_config", "lora_ga_config"}
)
# These do not change the base model's weights; the others (pissa, olora, corda, loftq, …) do.
PLAIN_INITS = (True, False, "gaussian", "eva", "orthogonal", "mica")
PROJECTORS = ("multi_modal_projector", "mm_projector")  # transformers' name, the original's


def read_adapter_config(
    folder: Path, defaults: Mapping[str, Any], peft_version: str, projectors: Collection[str] = PROJECTORS
) -> dict[str, Any]:
    """The supported entries of the folder's `adapter_config.json` that are not null.

    Args:
        folder: of the adapter.
        defaults: peft's default LoraConfig as a dictionary; an entry equal to its default has no effect.
        peft_version: the installed version, for messages.
        projectors: what the modules between vision tower and language model are called.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, is not of type LoRA, or sets an option that would be computed differently.
    """
    path = Path(folder) / CONFIG_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no {CONFIG_FILE}, so this is not an adapter; give a folder with one")
    try:
        values = read_json(path)
    except ValueError as error:
        raise ValueError(f"{error}; copy it again from where the adapter was saved") from None
    if values.get("peft_type") != "LORA":
        raise ValueError(f"{path}: peft_type must be LORA, found {values.get('peft_type')!r}; only LoRA can be loaded")
    if faults := _type_faults(values) or _refusals(values, defaults, peft_version, projectors):
        raise ValueError("\n".join(f"{path}: {fault}" for fault in faults))
    return {name: value for name, value in values.items() if name in SUPPORTED and value is not None}


def _type_faults(values: Mapping[str, Any]) -> list[str]:
    """Entries of a wrong type, one sentence per fault."""
    faults = []
    if not _is_rank(values.get("r")):
        faults.append(f"r must be a whole number of 1 or more, found {values.get('r')!r}")
    if not _is_number(values.get("lora_alpha")):
        faults.append(f"lora_alpha must be a number, found {values.get('lora_alpha')!r}")
    if not _is_number(dropout := values.get("lora_dropout", 0.0)) or not 0 <= dropout < 1:
        faults.append(f"lora_dropout must be a number from 0 to below 1, found {dropout!r}")
    if not isinstance(values.get("use_rslora") or False, bool):
        faults.append(f"use_rslora must be true or false, found {values['use_rslora']!r}")
    for name, is_valid in (("rank_pattern", _is_rank), ("alpha_pattern", _is_number)):
        pattern = values.get(name) or {}
        if not isinstance(pattern, dict) or not all(map(is_valid, pattern.values())):
            faults.append(f"{name} must map names of layers to numbers, found {pattern!r}")
    layers = values.get("layers_to_transform")
    if layers is not None and not all(map(_is_layer, layers if isinstance(layers, list) else [layers])):
        faults.append(f"layers_to_transform must be whole numbers of 0 or more, found {layers!r}")
    for name in ("target_modules", "exclude_modules", "layers_pattern", "modules_to_save"):
        if values.get(name) is not None and not _names(values[name]):
            faults.append(f"{name} must be text or a list of texts, found {values[name]!r}")
    if not values.get("target_modules"):
        faults.append(f"target_modules must name layers, found {values.get('target_modules')!r}")
    return faults or _expression_faults(values)


def _expression_faults(values: Mapping[str, Any]) -> list[str]:
    """Invalid regular expressions, one sentence per fault."""
    faults = []
    for name in ("target_modules", "exclude_modules", "rank_pattern", "alpha_pattern"):
        value = values.get(name) or {}
        for expression in [value] if isinstance(value, str) else value if isinstance(value, dict) else []:
            try:
                re.compile(expression)
            except re.error as error:
                faults.append(f"{name} holds {expression!r}, which is not a regular expression ({error})")
    return faults


def _refusals(
    values: Mapping[str, Any], defaults: Mapping[str, Any], peft_version: str, projectors: Collection[str]
) -> list[str]:
    """Entries that change what the adapter computes and are not supported, one sentence per fault."""
    faults = []
    for name, value in values.items():
        if name in SUPPORTED | WITHOUT_EFFECT or value in (None, False, "", [], {}):
            continue
        if name not in defaults:
            faults.append(
                f"{name} is {value!r}, which is unknown to peft {peft_version} (the adapter was saved by peft "
                f"{values.get('peft_version') or 'of another version'}), so its effect is unknown, too"
            )
        elif value != defaults[name]:
            faults.append(
                f"{name} is {value!r}, which changes what the adapter computes and is not supported here; merge it "
                "into its base model with peft and use the merged folder as base_model"
            )
    if values.get("init_lora_weights", True) not in PLAIN_INITS:
        faults.append(
            f"init_lora_weights is {values['init_lora_weights']!r}, which changes the base model's weights before "
            "training; save the adapter with peft's path_initial_model_for_weight_conversion"
        )
    saved = values.get("modules_to_save") or []
    if other := [name for name in ([saved] if isinstance(saved, str) else saved) if name not in projectors]:
        faults.append(f"modules_to_save names {', '.join(map(str, other))}; only the projector can be loaded")
    return faults


def _names(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(name, str) for name in value))


def _is_layer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_rank(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
