"""Models without their weights: real classes on PyTorch's meta device, for what only needs their shapes and configs."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

from mirror.models.families.family import Family
from mirror.models.weights import NO_CODE, code_refused


def weightless(folder: Path, family: Family) -> Any:
    """The model of a folder that holds at least a `config.json`, with no weights.

    Raises:
        ValueError: the model needs code of its own.
    """
    kind: Any = AutoModelForImageTextToText if family.sees else AutoModelForCausalLM
    with code_refused(folder), torch.device("meta"):
        model = kind.from_config(AutoConfig.from_pretrained(folder, **NO_CODE))
    model.name_or_path = model.config.name_or_path = str(folder)
    return model.eval()
