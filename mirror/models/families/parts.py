"""The parts of a model that its family's record names: language model, projector, and the linear layers of LoRA."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from mirror.models.families.family import Family, family_of
from mirror.models.families.images import ImageTensors, batched, moved


def family_of_model(model: PreTrainedModel) -> Family:
    """The family of a loaded model."""
    return family_of(model.config.model_type)


def language_model(model: PreTrainedModel) -> Any:
    """The language model, without its output head."""
    return model.get_submodule(family_of_model(model).language_model)


def projector_modules(model: PreTrainedModel) -> dict[str, nn.Module]:
    """The modules between vision tower and language model by their paths; of a list of modules, each."""
    found: dict[str, nn.Module] = {}
    for path in family_of_model(model).projector:
        module = model.get_submodule(path)
        if isinstance(module, nn.ModuleList):
            found |= {f"{path}.{number}": part for number, part in enumerate(module)}
        else:
            found[path] = module
    return found


def linear_layers(model: PreTrainedModel) -> list[str]:
    """The paths of all linear layers of the language model.

    Raises:
        ValueError: it has none.
    """
    path = family_of_model(model).language_model
    found = [f"{path}.{name}" for name, layer in language_model(model).named_modules() if isinstance(layer, nn.Linear)]
    if not found:
        raise ValueError(f"the language model of a {type(model).__name__} has no linear layers, so LoRA cannot tune it")
    return found


def pattern(paths: Iterable[str]) -> str:
    """A regular expression that matches exactly these paths, whatever the numbers in them."""
    kinds = sorted({re.sub(r"(?<=\.)\d+(?=\.)", "#", path) for path in paths})
    return "|".join(re.escape(kind).replace(r"\#", r"\d+") for kind in kinds)


def token_types(model: PreTrainedModel, input_ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """The argument that tells a model which positions are an image's: 1, others 0; none if its family takes none."""
    name = family_of_model(model).token_types
    return {name: (input_ids == model.config.image_token_id).long()} if name else {}


def forward_inputs(model: PreTrainedModel, input_ids: torch.Tensor, images: Sequence[ImageTensors]) -> dict[str, Any]:
    """What the forward pass of the model inside takes for a batch, on its device.

    Args:
        model: with its output head.
        input_ids: [n, length].
        images: the tensors of each row's image; on the CPU, if what depends on them is to be computed there.
    """
    prepare = family_of_model(model).prepare
    inputs = {"input_ids": input_ids} | batched(images) | token_types(model, input_ids)
    if prepare and images and "pixel_values" in inputs:
        return prepare(model, inputs)
    return moved(inputs, model.device, model.dtype)
