"""Model folders, on disk or fetched from the Hub: their config and tensors. Knows no architecture."""

import contextlib
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import DryRunError
from safetensors.torch import load_file
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from mirror.files.json_file import read_json
from mirror.models.weight_files import SMALL_FILES, check_file, check_pointers, chosen_files, needed, plain_names
from mirror.paths import input_path

HALF = (torch.float16, torch.bfloat16)
# Code that lies in a model's folder is never run, and nobody is asked whether it may: a model is data.
NO_CODE = {"trust_remote_code": False}


def resolve(
    name: str, revision: str = "", only_config: bool = False, half: bool = False, parts: Iterable[str] = ("",)
) -> Path:
    """The folder that holds `name`: itself if it is one, else the Hub repository's snapshot (fetched if need be).

    Of a repository only those files are fetched that loading reads: configs, tokenizers, and of the weights one set
    (`mirror.models.weight_files`), the fp16 variant if `half`.

    Args:
        only_config: fetches nothing but `config.json`.
        parts: the folders of a model in parts, as diffusers has it; the empty text is the top.

    Raises:
        FileNotFoundError: it is neither a folder nor to be had.
        ValueError: a file of the folder is a pointer or a web page.
    """
    folder = Path(name)
    if folder.is_file():
        raise FileNotFoundError(f"{name} is a file; give the folder that holds config.json and the weights")
    if folder.is_dir():
        for part in parts:
            if (folder / part).is_dir():
                check_pointers(folder / part)
        return folder
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise FileNotFoundError(f"no model folder {name}; give an existing folder or a Hub id such as owner/name")
    try:
        with without_progress_bars():
            return _snapshot(name, revision or None, only_config, half, tuple(parts))
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{name} is neither a folder here nor to be had from the Hub ({error}); "
            "check the name, the connection and HF_HUB_OFFLINE, or download it and give the folder"
        ) from error


def _snapshot(name: str, revision: str | None, only_config: bool, half: bool, parts: tuple[str, ...]) -> Path:
    main_file = "config.json" if parts == ("",) else "model_index.json"
    if only_config:
        return Path(snapshot_download(name, revision=revision, allow_patterns=[main_file]))
    kinds = [f"*{suffix}" for suffix in (*SMALL_FILES, ".safetensors", ".bin")]
    try:
        listed = snapshot_download(name, revision=revision, allow_patterns=kinds, dry_run=True)
    except DryRunError:  # no connection: what is in the cache, or the reason why nothing is to be had
        return Path(snapshot_download(name, revision=revision, allow_patterns=[main_file]))
    patterns = needed([file.filename for file in listed], half, parts)
    return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))


def find(name: str, revision: str = "", half: bool = False, parts: Iterable[str] = ("",)) -> tuple[Path, str]:
    """The folder of a model and its commit on the Hub: of `owner/name`, `owner/name@revision`, or of a folder here.

    A relative folder counts from the repository's root; a folder has no commit (the empty text).
    """
    here = input_path(name)
    if here.exists():
        return resolve(str(here), parts=parts), ""
    repository, _, named = name.partition("@")
    folder = resolve(repository, named or revision, half=half, parts=parts)
    return folder, folder.name


def load_pretrained(kind: Any, folder: Path, dtype: torch.dtype, **options: Any) -> Any:
    """`kind.from_pretrained` (transformers or diffusers) on the weights of `folder` that suit `dtype`.

    Raises FileNotFoundError where there are none, ValueError where a file is broken, a weight is missing, or the model
    needs code of its own.
    """
    with without_progress_bars(), plain_names(folder, dtype in HALF) as view, code_refused(folder):
        model, report = kind.from_pretrained(view, dtype=dtype, output_loading_info=True, **NO_CODE, **options)
    if missing := sorted(report["missing_keys"]):
        raise ValueError(
            f"{folder}: {len(missing)} weights of a {type(model).__name__} are missing, e.g. {missing[0]}; download "
            "the folder again, or give the model that is meant"
        )
    if isinstance(model, PreTrainedModel):
        model.name_or_path = model.config.name_or_path = str(folder)  # adapters record it; links are gone by then
    return model


def load_tokenizer(folder: Path, **options: Any) -> PreTrainedTokenizerBase:
    """The tokenizer of a model's folder. Raises ValueError where it needs code of its own."""
    with code_refused(folder):
        return AutoTokenizer.from_pretrained(folder, **NO_CODE, **options)


@contextlib.contextmanager
def without_progress_bars() -> Iterator[None]:
    """Switches the progress bars of transformers and of the Hub off inside the context.

    A bar per shard is noise in an executed notebook.
    """
    were_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if were_on:
            logging.enable_progress_bar()


@contextlib.contextmanager
def code_refused(folder: Path) -> Iterator[None]:
    """Says in this software's words what the libraries say of a folder that needs its own code."""
    try:
        yield
    except (ValueError, OSError) as error:
        if "trust_remote_code" not in str(error):
            raise
        raise ValueError(
            f"{folder} needs code that lies in it (auto_map), and code of a model's folder is never run; give a model "
            "of a kind that transformers knows"
        ) from error


def read_config(folder: Path) -> dict:
    """The folder's `config.json`, if it is a LLaVA-1.5's."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no config.json, so this is no model folder")
    try:
        config = read_json(path)
    except ValueError as error:
        raise ValueError(f"{error}; download it again") from None
    if config.get("model_type") not in ("llava", "llava_llama"):
        raise ValueError(f"{path}: model_type must be llava or llava_llama, found {config.get('model_type')!r}")
    return config


def load_weights(folder: Path, half: bool = False) -> dict[str, torch.Tensor]:
    """All tensors of a folder, from safetensors or from pickles (read as weights only), in one file or in shards."""
    weights = {}
    for name in chosen_files(folder, half).files:
        weights |= read_tensors(Path(folder) / name)
    return weights


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of one file; a pickle may hold weights and nothing else. Raises ValueError for a broken file."""
    check_file(path)
    if path.suffix == ".safetensors":
        return load_file(path)
    try:
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} holds more than weights, and weights only are read ({reason})") from None
    if not isinstance(tensors, dict):
        raise ValueError(f"{path} must hold tensors by name, found {type(tensors).__name__}; download it again")
    return tensors
