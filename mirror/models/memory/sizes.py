"""Bytes that a model will take: its weights, from the headers of its files, and its working memory, from its config.

Loads no weights and downloads nothing.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors import safe_open

from mirror.files.json_file import read_json
from mirror.models.decoding import CACHE_STEP, batch_size, rounded_up
from mirror.models.weight_files import check_file, chosen_files
from mirror.models.weights import HALF, model_folder, read_tensors
from mirror.paths import input_path

FLOAT = re.compile(r"B?F\d+")  # safetensors' names of the dtypes that loading converts, such as BF16
PREFILL = (6, 4)  # hidden and intermediate rows of one position that are in memory at a time; an estimate
LLAMA = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}


def folder_here(name: str, revision: str = "", parts: Iterable[str] = ("",)) -> Path | None:
    """The folder of a model that is on this machine; None if it is still to be downloaded.

    Args:
        name: as in `mirror.models.weights.find`.
        revision: as there.
        parts: as there.

    Raises:
        ValueError: a file of the folder is a git-lfs pointer or a web page.
    """
    local = input_path(name)
    if local.exists():
        return model_folder(str(local), parts=parts)
    repository, _, named = name.partition("@")
    try:
        return Path(snapshot_download(repository, revision=named or revision or None, local_files_only=True))
    except LocalEntryNotFoundError:
        return None


def folder_bytes(folder: Path | None, dtype: torch.dtype) -> int | None:
    """Bytes of a model's weights in `dtype`; None if they are still to be downloaded.

    Args:
        folder: of the model, or of one part of it; None: not on this machine.
        dtype: that the weights will be loaded in.

    Raises:
        ValueError: a file is broken.
    """
    try:
        files = chosen_files(folder, dtype in HALF).files if folder else []
    except FileNotFoundError:  # a snapshot that holds only the config so far
        return None
    return sum(file_bytes(folder / name, dtype) for name in files) if folder else None


def llava_bytes(folder: Path | None, dtype: torch.dtype) -> int | None:
    """As `folder_bytes`, of a counselor; the original format of LLaVA has the vision tower in a folder of its own."""
    tower = read_json(folder / "config.json").get("mm_vision_tower", "") if folder else ""
    sizes = [folder_bytes(folder, dtype)]
    if folder and tower:
        beside = folder.parent / tower
        sizes.append(folder_bytes(beside if beside.is_dir() else folder_here(tower), dtype))
    return None if None in sizes else sum(size for size in sizes if size is not None)


def file_bytes(path: Path, dtype: torch.dtype) -> int:
    """Bytes of the tensors of one file, floating point numbers in `dtype`.

    Raises:
        ValueError: the file is broken.
    """
    if path.suffix != ".safetensors":
        return tensors_bytes(read_tensors(path), dtype)
    check_file(path)
    total = 0
    with safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118  (not a mapping)
            part = file.get_slice(name)
            stored = part.get_dtype()
            size = dtype.itemsize if FLOAT.fullmatch(stored) else max(int(re.sub(r"\D", "", stored) or 8) // 8, 1)
            total += torch.Size(part.get_shape()).numel() * size
    return total


def tensors_bytes(tensors: Mapping[str, torch.Tensor], dtype: torch.dtype) -> int:
    """Bytes of tensors, floating point numbers in `dtype`."""
    return sum(
        tensor.numel() * (dtype.itemsize if tensor.is_floating_point() else tensor.element_size())
        for tensor in tensors.values()
    )


def text_config(folder: Path) -> dict[str, Any]:
    """The config of a folder's language model, with Llama-7b's values where it has none, as in transformers."""
    config = read_json(folder / "config.json")
    given = config.get("text_config") or config
    return LLAMA | {name: value for name, value in given.items() if value is not None}


def cache_bytes(config: Mapping[str, Any], prompts: int, positions: int, dtype: torch.dtype) -> int:
    """Bytes of the cache of keys and values in which up to `prompts` prompts are continued at a time.

    Args:
        config: of the language model, as `text_config` returns it.
        prompts: ≥ 1.
        positions: of the longest prompt with its answer; at most the context window is allocated.
        dtype: of the model.
    """
    heads = config["num_attention_heads"]
    width = config.get("num_key_value_heads", heads) * (config.get("head_dim") or config["hidden_size"] // heads)
    length = rounded_up(_within_window(config, positions), CACHE_STEP)
    return 2 * config["num_hidden_layers"] * width * dtype.itemsize * batch_size(prompts) * length


def prefill_bytes(config: Mapping[str, Any], prompts: int, positions: int, dtype: torch.dtype) -> int:
    """Bytes of working memory, about, while the language model reads that many prompts of `positions` positions."""
    hidden, inner = PREFILL
    row = hidden * config["hidden_size"] + inner * config["intermediate_size"]
    return row * dtype.itemsize * batch_size(prompts) * _within_window(config, positions)


def _within_window(config: Mapping[str, Any], positions: int) -> int:
    return min(positions, config.get("max_position_embeddings", positions))
