"""Loads models: finds or downloads the folder of a model, then reads its config, tokenizer and tensors.

Which files of a folder are its weights is decided by `mirror.models.weight_files`. Independent of the architecture.
"""

import contextlib
import errno
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import DryRunError
from safetensors.torch import load_file
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging

from mirror.files.json_file import read_json
from mirror.models.hub_id import is_hub_id
from mirror.models.weight_files import SMALL_FILES, check_file, check_pointers, chosen_files, needed, plain_names
from mirror.paths import input_path

HALF = (torch.float16, torch.bfloat16)
# Code in a model's folder is never run, and there is no option to allow it: a model is data.
NO_CODE = {"trust_remote_code": False}


def model_folder(
    name: str, revision: str = "", only_config: bool = False, half: bool = False, parts: Iterable[str] = ("",)
) -> Path:
    """The folder of a model: `name` itself if it is a folder, else the snapshot of the Hub repository `name`.

    A snapshot that is not in the cache is downloaded, and only the files that loading reads: configs, tokenizers, and
    one set of weights (see `mirror.models.weight_files`).

    Args:
        name: a folder (as returned by `mirror.models.hub_id.resolve_model`) or a Hub id.
        revision: Hub commit, branch or tag; empty for the newest. Not used for a folder.
        only_config: download `config.json` alone.
        half: download the fp16 variant of the weights if there is one.
        parts: subfolders of a model in parts, as in diffusers; the empty string is the top folder.

    Raises:
        FileNotFoundError: it was found neither locally nor on the Hub.
        ValueError: a file of the folder is a git-lfs pointer or a web page.
    """
    folder = Path(name)
    if folder.is_file():
        raise FileNotFoundError(f"{name} is a file; give the folder that holds config.json and the weights")
    if folder.is_dir():
        for part in parts:
            if (folder / part).is_dir():
                check_pointers(folder / part)
        return folder
    if not is_hub_id(name):
        raise FileNotFoundError(f"no model folder {name}; give an existing folder or a Hub id such as owner/name")
    try:
        with without_progress_bars():
            return _snapshot(name, revision or None, only_config, half, tuple(parts))
    except (OSError, ValueError) as error:
        raise FileNotFoundError(
            f"{name} was not found locally or on the Hub ({error}); "
            "check the name, the connection and HF_HUB_OFFLINE, or download it and give the folder"
        ) from error


def _snapshot(name: str, revision: str | None, only_config: bool, half: bool, parts: tuple[str, ...]) -> Path:
    """The local snapshot of a Hub repository, downloaded where it is not in the cache."""
    main_file = "config.json" if parts == ("",) else "model_index.json"
    if only_config:
        return Path(snapshot_download(name, revision=revision, allow_patterns=[main_file]))
    kinds = [f"*{suffix}" for suffix in (*SMALL_FILES, ".safetensors", ".bin")]
    try:
        listed = snapshot_download(name, revision=revision, allow_patterns=kinds, dry_run=True)
    except DryRunError:  # no connection: use the cache, or raise the reason why it holds nothing
        return Path(snapshot_download(name, revision=revision, allow_patterns=[main_file]))
    patterns = needed([file.filename for file in listed], half, parts)
    return Path(snapshot_download(name, revision=revision, allow_patterns=patterns))


def find(name: str, revision: str = "", half: bool = False, parts: Iterable[str] = ("",)) -> tuple[Path, str]:
    """The folder of a model and its commit on the Hub.

    Args:
        name: `owner/name`, `owner/name@revision`, or a folder; a relative one is looked up below the repository's root.
        revision: used where `name` has none.
        half: as in `model_folder`.
        parts: as in `model_folder`.

    Returns:
        The folder, and the commit hash; the hash is empty for a local folder.

    Raises:
        FileNotFoundError: it was found neither locally nor on the Hub.
        ValueError: a file of the folder is a git-lfs pointer or a web page.
    """
    local = input_path(name)
    if local.exists():
        return model_folder(str(local), parts=parts), ""
    repository, _, named = name.partition("@")
    folder = model_folder(repository, named or revision, half=half, parts=parts)
    return folder, folder.name


def load_pretrained(kind: Any, folder: Path, dtype: torch.dtype, **options: Any) -> Any:
    """Call `kind.from_pretrained` (transformers or diffusers) on the weights of `folder` that fit `dtype`.

    Args:
        kind: a class with `from_pretrained`, such as `AutoModelForCausalLM`.
        folder: of the model.
        dtype: of the loaded weights; a half precision prefers fp16 files.
        options: further keyword arguments of `from_pretrained`.

    Returns:
        The loaded model, of type `kind`.

    Raises:
        FileNotFoundError: there are no weights.
        ValueError: a file is broken, a weight is missing, or the model needs code of its own.
    """
    with plain_names(folder, dtype in HALF) as view, code_refused(folder), without_progress_bars():
        model, report = kind.from_pretrained(view, dtype=dtype, output_loading_info=True, **NO_CODE, **options)
    if missing := sorted(report["missing_keys"]):
        raise ValueError(
            f"{folder}: {len(missing)} weights of a {type(model).__name__} are missing, e.g. {missing[0]}; download "
            "the folder again, or give another model"
        )
    if isinstance(model, PreTrainedModel):
        # Adapters record this path. The temporary folder of links that it was loaded from is gone by then.
        model.name_or_path = model.config.name_or_path = str(folder)
    return model


def load_tokenizer(folder: Path, **options: Any) -> PreTrainedTokenizerBase:
    """The tokenizer of a model's folder.

    Raises:
        ValueError: it needs code of its own.
    """
    with code_refused(folder):
        return AutoTokenizer.from_pretrained(folder, **NO_CODE, **options)


@contextlib.contextmanager
def without_progress_bars(library: ModuleType = logging) -> Iterator[None]:
    """Turn off a library's progress bars: one per shard clutters an executed notebook.

    Args:
        library: the logging module of transformers, which covers huggingface_hub, or that of diffusers.
    """
    was_enabled = library.is_progress_bar_enabled()
    library.disable_progress_bar()
    try:
        yield
    finally:
        if was_enabled:
            library.enable_progress_bar()


@contextlib.contextmanager
def code_refused(folder: Path) -> Iterator[None]:
    """Raise a ValueError with advice where a library refuses a folder that needs `trust_remote_code`."""
    try:
        yield
    except (ValueError, OSError) as error:
        if "trust_remote_code" not in str(error):
            raise
        raise ValueError(
            f"{folder} needs the Python code in it (auto_map), and code of a model's folder is never run; give a model "
            "of a kind that transformers knows"
        ) from error


def read_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a LLaVA-1.5 folder, in either format.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it cannot be read, or is that of another kind of model.
    """
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no config.json, so this is not a model folder")
    try:
        config = read_json(path)
    except ValueError as error:
        raise ValueError(f"{error}; download it again") from None
    if config.get("model_type") not in ("llava", "llava_llama"):
        raise ValueError(f"{path}: model_type must be llava or llava_llama, found {config.get('model_type')!r}")
    return config


def read_state_dict(folder: Path, half: bool = False) -> dict[str, torch.Tensor]:
    """All tensors of a folder by name, from safetensors or from pickles (read as weights only), sharded or not.

    Args:
        folder: of the model.
        half: prefer the fp16 variant.

    Raises:
        FileNotFoundError: there are no weights.
        ValueError: a file is broken.
    """
    weights: dict[str, torch.Tensor] = {}
    for name in chosen_files(folder, half).files:
        weights |= read_tensors(Path(folder) / name)
    return weights


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of one file by name.

    Raises:
        ValueError: the file is broken, or a pickle that holds anything but weights.
    """
    check_file(path)
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except UnpicklingError as error:
        raise ValueError(f"{path} holds more than weights, and only weights are read ({_reason(error)})") from None
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        if (
            isinstance(error, OSError) and error.errno != errno.EINVAL
        ):  # that one says that the archive's sizes are wrong
            raise
        raise ValueError(f"{path} is damaged ({_reason(error)}); download it again") from None
    if not isinstance(tensors, dict):
        raise ValueError(f"{path} must hold tensors by name, found {type(tensors).__name__}; download it again")
    return tensors


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
