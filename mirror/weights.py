"""Model folders, on disk or fetched from the Hub: their config and tensors. Knows no architecture."""

import json
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors.torch import load_file

from mirror.run import input_path

WEIGHT_FILES = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]  # what is fetched of a Hub repository


def resolve(name: str, revision: str = "", only_config: bool = False) -> Path:
    """The folder that holds `name`: itself if it is one, else the Hub repository's snapshot (fetched if need be)."""
    patterns = ["config.json"] if only_config else [*WEIGHT_FILES, "*.bin"]
    if Path(name).is_dir():
        return Path(name)
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise FileNotFoundError(f"no model folder {name}; give an existing folder or a Hub id such as owner/name")
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise FileNotFoundError(
            f"{name} is neither a folder here nor to be had from the Hub ({error}); "
            "check the name, the connection and HF_HUB_OFFLINE, or download it and give the folder"
        ) from error


def find(name: str, revision: str = "") -> tuple[Path, str]:
    """The folder of a model and its commit on the Hub: of `owner/name`, `owner/name@revision`, or of a folder here.

    A relative folder counts from the repository's root; a folder has no commit (the empty text).
    """
    here = input_path(name)
    if here.is_dir():
        return here, ""
    repository, _, named = name.partition("@")
    folder = resolve(repository, named or revision)
    return folder, folder.name


def read_config(folder: Path) -> dict:
    """The folder's `config.json`, if it is a LLaVA-1.5's."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no config.json, so this is no model folder")
    config = json.loads(path.read_text())
    if config.get("model_type") not in ("llava", "llava_llama"):
        raise ValueError(f"{path}: model_type must be llava or llava_llama, found {config.get('model_type')!r}")
    return config


def load_weights(folder: Path, stem: str = "pytorch_model") -> dict[str, torch.Tensor]:
    """All tensors of a folder, from safetensors or from pickles (read as weights only), in one file or in shards."""
    folder = Path(folder)
    for name in ("model.safetensors", f"{stem}.bin"):
        index = folder / f"{name}.index.json"
        if index.is_file():
            files = sorted(set(json.loads(index.read_text())["weight_map"].values()))
        elif (folder / name).is_file():
            files = [name]
        else:
            continue
        weights = {}
        for file in files:
            weights |= read_tensors(folder / file)
        return weights
    raise FileNotFoundError(f"{folder}: no weights (model.safetensors or {stem}.bin, whole or in shards)")


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of one file; a pickle may hold weights and nothing else."""
    if path.suffix == ".safetensors":
        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
