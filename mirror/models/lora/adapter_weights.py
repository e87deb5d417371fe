"""The weights of an adapter and its projector: read from files of any of their writers, and copied into a model."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from mirror.files.digests import require_intact
from mirror.files.json_file import read_json, write_json
from mirror.models.families.family import Family, family_of
from mirror.models.families.parts import family_of_model
from mirror.models.lora.adapter_config import CONFIG_FILE
from mirror.models.weights import read_tensors

LORA_KEY = re.compile(r"(layers\.\d+\.(?:self_attn|mlp)\.\w+_proj)\.lora_([AB])(?:\.default)?\.weight$")
PROJECTOR_KEY = re.compile(r"(?:mm_projector\.([02])|(?<!original_module\.)linear_([12]))\.(weight|bias)$")
PROJECTOR_FILE = "projector.safetensors"
PEFT_PREFIX = "base_model.model."
LLAVA = family_of("llava")


def add_whole_modules(folder: Path, paths: Sequence[str], tensors: Mapping[str, torch.Tensor]) -> None:
    """Add modules that were trained whole to an adapter that peft saved, in peft's own form.

    Args:
        folder: of the adapter.
        paths: of the modules in the base model.
        tensors: their weights by their paths in the base model.
    """
    file = Path(folder) / "adapter_model.safetensors"
    trained = {f"{PEFT_PREFIX}{name}": tensor for name, tensor in tensors.items()}
    save_file(load_file(file) | trained, file, metadata={"format": "pt"})
    config = read_json(Path(folder) / CONFIG_FILE)
    write_json(Path(folder) / CONFIG_FILE, config | {"modules_to_save": list(paths)})


def read_adapter_weights(folder: Path, family: Family = LLAVA) -> dict[str, torch.Tensor]:
    """The tensors of the adapter and the projector in `folder`, under the names in the files.

    Args:
        folder: of the adapter.
        family: of the base model.

    Raises:
        FileNotFoundError: there are none.
        ValueError: one is neither LoRA on the language model nor the projector, or a file differs from the folder's
            digests.
    """
    names = ("adapter_model.safetensors", "adapter_model.bin", PROJECTOR_FILE, "non_lora_trainables.bin")
    files = [Path(folder) / name for name in names if (Path(folder) / name).is_file()]
    if not files:
        raise FileNotFoundError(f"{folder}: no adapter weights; expected adapter_model.safetensors or .bin")
    require_intact(Path(folder))
    tensors: dict[str, torch.Tensor] = {}
    for file in files:
        found = read_tensors(file)
        for key in found:
            _canonical_name(key, file, family)
        tensors |= found
    return tensors


def load_adapter_weights(model: PeftModel, folder: Path) -> None:
    """Overwrite the LoRA and projector weights of `model` with those of `folder`.

    Raises:
        FileNotFoundError: there are none.
        ValueError: a weight is missing, left over, of another shape, or not finite; or a file is damaged.
    """
    family = family_of_model(model.get_base_model())
    set_adapter_weights(model, read_adapter_weights(folder, family), folder)


def set_adapter_weights(model: PeftModel, tensors: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Copy `tensors` into the trainable weights of `model`.

    Args:
        model: changed in place.
        tensors: under peft's names; of LLaVA-1.5, under any that `LORA_KEY` and `PROJECTOR_KEY` match.
        folder: where the tensors are from, for messages.

    Raises:
        ValueError: a weight is missing, left over, of another shape, or not finite.
    """
    refuse_not_finite(tensors, f"{folder}: not loaded")
    family = family_of_model(model.get_base_model())
    found = {_canonical_name(key, folder, family): tensor for key, tensor in tensors.items()}
    wanted = {_canonical_name(name, folder, family): p for name, p in model.named_parameters() if p.requires_grad}
    if missing := sorted(wanted.keys() - found.keys()):
        hint = (
            "; the projector is in projector.safetensors or non_lora_trainables.bin"
            if missing[0].startswith("projector")
            else ""
        )
        raise ValueError(f"{folder}: {len(missing)} weights are missing, e.g. {missing[0]}{hint}")
    if unknown := sorted(found.keys() - wanted.keys()):
        raise ValueError(
            f"{folder}: {len(unknown)} weights have no place in this model, e.g. {unknown[0]}; is it the base model "
            "that the adapter was trained on, with the same target_modules?"
        )
    for name, parameter in wanted.items():
        if parameter.shape != found[name].shape:
            raise ValueError(
                f"{folder}: {name} has shape {tuple(found[name].shape)}, the base model needs "
                f"{tuple(parameter.shape)}; is it the base model that the adapter was trained on, and the rank in "
                "its adapter_config.json?"
            )
        with torch.no_grad():
            parameter.copy_(found[name])


def trained_prefix(folder: Path, keys: Iterable[str]) -> str:
    """The prefix before `layers.0…` in the names of the modules that the adapter in `folder` was trained on.

    Raises:
        ValueError: there are no LoRA weights, or those of several models.
    """
    prefixes = sorted({key[: match.start()] for key in keys if (match := LORA_KEY.search(key))})
    if len(prefixes) != 1:
        raise ValueError(f"{folder}: must hold LoRA weights of one language model, found {prefixes or 'none'}")
    return prefixes[0].removeprefix("base_model.model.")


def refuse_not_finite(tensors: Mapping[str, torch.Tensor], what: str) -> None:
    """Check for NaN and infinite values.

    Args:
        tensors: name → tensor.
        what: subject of the message.

    Raises:
        ValueError: a value is not finite.
    """
    if bad := [name for name, tensor in tensors.items() if not tensor.isfinite().all()]:
        raise ValueError(
            f"{what}: {len(bad)} of {len(tensors)} weights are NaN or infinite, e.g. {bad[0]}; the training diverged, "
            "go back to an earlier checkpoint or train again with a lower learning_rate"
        )


def _canonical_name(key: str, source: str | Path, family: Family) -> str:
    """One name per weight for all writers: `layers.0.mlp.up_proj.A` or `projector.1.bias`.

    Of other families than LLaVA-1.5 it is the one that peft writes.
    """
    if family != LLAVA:
        return key.removeprefix(PEFT_PREFIX).replace(".default.weight", ".weight")
    if (match := LORA_KEY.search(key)) and "vision" not in key:
        return f"{match[1]}.{match[2]}"
    if match := PROJECTOR_KEY.search(key):
        return f"projector.{match[2] or {'0': 1, '2': 2}[match[1]]}.{match[3]}"
    raise ValueError(
        f"{source}: {key} is neither LoRA on the language model nor the projector, so it is not an adapter of LLaVA"
    )
