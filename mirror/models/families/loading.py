"""Loads a model of any family from a Hub id or a folder."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText, PreTrainedTokenizerBase

from mirror.files.json_file import read_json
from mirror.models import llava
from mirror.models.checkpoint import OTHER
from mirror.models.families.family import Family, family_of
from mirror.models.families.images import load_processor
from mirror.models.families.parts import linear_layers
from mirror.models.families.vlm import Vlm
from mirror.models.families.weightless import weightless
from mirror.models.generation_config import ends_only
from mirror.models.quantization import Quantize
from mirror.models.quantization.nf4 import keep_layout, loading_options
from mirror.models.weights import HALF, load_pretrained, load_tokenizer, model_folder
from mirror.paths import display_path


def load(
    base_model: str,
    revision: str = "",
    vision_tower: str = "",
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    quantize: Quantize = "none",
) -> Vlm:
    """Load the model of a Hub id or a folder; its `config.json` tells the family.

    Args:
        base_model: as of `mirror.models.llava.load`.
        revision: as there.
        vision_tower: as there; for LLaVA-1.5 alone.
        dtype: as there.
        device: as there.
        quantize: as there.

    Raises:
        FileNotFoundError: the model was found neither locally nor on the Hub.
        ValueError: its family is not known, a file is broken, or weights cannot be quantized here.
    """
    if is_llava(model_type(base_model, revision)):
        return llava.load(base_model, revision, vision_tower, dtype, device, quantize)
    folder = model_folder(base_model, revision, half=dtype in HALF)
    family = read_family(folder)
    tokenizer = load_tokenizer(folder)
    kept = [*family.vision_tower, *family.projector, "lm_head"]
    options = loading_options(quantize, dtype, device, kept)
    kind: Any = AutoModelForImageTextToText if family.sees else AutoModelForCausalLM
    model = load_pretrained(kind, folder, dtype, generation_config=ends_only(folder, tokenizer), **options)
    if quantize == "nf4":
        keep_layout(model)
    linear_layers(model)
    is_local = Path(base_model).is_dir()
    source, commit = (display_path(Path(base_model)), "") if is_local else (base_model, folder.name)
    return _with_inputs(model.to(device).eval(), folder, tokenizer, source, commit)


def load_inputs(folder: Path) -> Vlm:
    """The model of a folder of any family but LLaVA-1.5 without its weights: what makes its inputs.

    Raises:
        FileNotFoundError: there is no config.
        ValueError: the family is not known, or a file is broken.
    """
    tokenizer = load_tokenizer(folder)
    model = weightless(folder, read_family(folder))
    model.generation_config = ends_only(folder, tokenizer)
    return _with_inputs(model, folder, tokenizer, display_path(folder), "")


def _with_inputs(model: Any, folder: Path, tokenizer: PreTrainedTokenizerBase, source: str, commit: str) -> Vlm:
    """The model with its processor; the end of an answer in its chat format is one of its end tokens."""
    family = read_family(folder)
    found = Vlm(model, load_processor(folder, tokenizer, family) if family.sees else tokenizer, source, commit)
    ends = model.generation_config
    ends.eos_token_id = sorted({*ends.eos_token_id, found.chat.end})
    return found


def check_size(base_model: str, revision: str, size: str) -> None:
    """Check the declared size against the model's config, without loading weights.

    Raises:
        FileNotFoundError: the model was found neither locally nor on the Hub.
        ValueError: the config is of another size, or of a family that is not known.
    """
    kind = model_type(base_model, revision)
    family_of(kind, base_model)
    if is_llava(kind) and size != OTHER:
        return llava.check_size(base_model, revision, size)
    if is_llava(kind) or size != OTHER:
        wanted = "7b, 13b or pocket" if is_llava(kind) else OTHER
        raise ValueError(
            f"size is {size}, but {base_model} is of the type {kind}; set size to {wanted}, or another base_model"
        )
    return None


def is_llava(kind: str | None) -> bool:
    """Whether a model type is LLaVA-1.5's."""
    return kind in ("llava", "llava_llama")


def model_type(base_model: str, revision: str = "") -> str | None:
    """The `model_type` in the config of a Hub id or folder.

    Raises:
        FileNotFoundError: the model was found neither locally nor on the Hub.
        ValueError: its config cannot be read.
    """
    folder = model_folder(base_model, revision, only_config=True)
    path = folder / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no config.json, so this is not a model folder")
    try:
        found = read_json(path).get("model_type")
    except ValueError as error:
        raise ValueError(f"{error}; download it again") from None
    return found if isinstance(found, str) else None


def read_family(folder: Path) -> Family:
    """The family of the model in a folder.

    Raises:
        FileNotFoundError: there is no config.
        ValueError: the family is not known.
    """
    return family_of(model_type(str(folder)), str(folder))
