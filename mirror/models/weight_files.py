"""Selects the weight files of a model folder: one complete set among formats, shards and variants such as fp16.

The rules follow the file names that transformers and diffusers write. Also recognizes damaged files, git-lfs pointers
and web pages. Reads no tensors; `mirror.models.weights` does.
"""

import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mirror.files.json_file import strict_json

STEMS = ("model", "pytorch_model", "diffusion_pytorch_model")
SHARD = re.compile(r"-(\d+)-of-(\d+)")
SMALL_FILES = (".json", ".txt", ".model", ".jinja")  # configs and tokenizers
# (format, variant), most preferred first; the plain variant is the empty string. fp16 files are half the download.
HALF_ORDER = [(form, variant) for form in ("safetensors", "bin") for variant in ("fp16", "bf16", "")]
FULL_ORDER = [(form, variant) for variant in ("", "fp16", "bf16") for form in ("safetensors", "bin")]


@dataclass
class WeightSet:
    """The files of a folder that together hold the weights of a model, in one format and variant.

    Attributes:
        stem: file name without format and variant, such as `model` or `pytorch_model`.
        format: `safetensors` or `bin`.
        variant: such as `fp16`; empty for the plain files.
        whole: name of the single file, empty where the weights are sharded.
        index: name of the index of the shards, or empty.
        shards: shard number → file name.
        count: number of shards according to their names.
    """

    stem: str
    format: str
    variant: str
    whole: str = ""
    index: str = ""
    shards: dict[int, str] = field(default_factory=dict)
    count: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether no file is missing."""
        return bool(self.whole or (self.index and self.count and len(self.shards) == self.count))

    @property
    def files(self) -> list[str]:
        """The names of the files that hold tensors, in order."""
        return [self.whole] if self.whole else [self.shards[number] for number in sorted(self.shards)]

    @property
    def links(self) -> dict[str, str]:
        """The file name that the libraries look for when no variant is asked for → the name in this folder."""
        plain = f"{self.stem}.{self.format}"
        return {plain: self.whole} if self.whole else {f"{plain}.index.json": self.index} | {n: n for n in self.files}


def weight_sets(names: Iterable[str]) -> list[WeightSet]:
    """All sets of weights among the file `names` of one folder, complete or not."""
    sets: dict[tuple[str, str, str], WeightSet] = {}
    for name in names:
        stem, *words = SHARD.sub("", name).split(".")
        is_index = "index" in words and words[-1] == "json"
        formats = [word for word in words if word in ("safetensors", "bin")]
        variants = [word for word in words if word not in ("safetensors", "bin", "index", "json")]
        if stem not in STEMS or len(formats) != 1 or len(variants) > 1 or not (is_index or words[-1] == formats[0]):
            continue
        key = (stem, formats[0], variants[0] if variants else "")
        found = sets.setdefault(key, WeightSet(*key))
        if is_index:
            found.index = name
        elif shard := SHARD.search(name):
            found.shards[int(shard[1])], found.count = name, int(shard[2])
        else:
            found.whole = name
    return list(sets.values())


def choose(names: Iterable[str], half: bool) -> WeightSet | None:
    """The complete set among the file `names` that fits the precision best; None if there is none.

    In half precision the fp16 variant is preferred to the plain files, in full precision it is the other way round.
    Other variants (such as ema) are never chosen.
    """
    whole = {(one.format, one.variant): one for one in weight_sets(names) if one.is_complete}
    return next((whole[key] for key in (HALF_ORDER if half else FULL_ORDER) if key in whole), None)


def needed(names: Iterable[str], half: bool, parts: Iterable[str] = ("",)) -> list[str]:
    """The files of a repository that loading a model reads.

    Args:
        names: all file names of the repository.
        half: as in `choose`.
        parts: the repository's folders that hold models; the empty string is the top.
    """
    names = list(names)
    kept = []
    for part in parts:
        prefix = f"{part}/" if part else ""
        here = [n.removeprefix(prefix) for n in names if n.startswith(prefix) and "/" not in n.removeprefix(prefix)]
        chosen = choose(here, half)
        weights = {name for one in weight_sets(here) for name in (one.index, *one.files)}
        small = [name for name in here if name.endswith(SMALL_FILES) and name not in weights]
        kept += [prefix + name for name in (*small, *(chosen.links.values() if chosen else ()))]
    return kept


def chosen_files(folder: Path, half: bool) -> WeightSet:
    """The set that `choose` selects in `folder`, after checking its files.

    Raises:
        FileNotFoundError: there is no complete set; the message lists what there is.
        ValueError: a file is broken.
    """
    names = sorted(path.name for path in Path(folder).iterdir())
    chosen = choose(names, half)
    if chosen is None:
        there = [name for name in names if not name.endswith(SMALL_FILES)] or names
        raise FileNotFoundError(
            f"{folder}: no weights that can be read: model.safetensors or pytorch_model.bin "
            "(diffusion_pytorch_model.* in diffusers' folders), plain, fp16 or bf16, whole or as all shards with their "
            f"index; found {', '.join(there[:12]) or 'an empty folder'}"
        )
    for name in chosen.files:
        check_file(Path(folder) / name)
    return chosen


@contextmanager
def plain_names(folder: Path, half: bool) -> Iterator[Path]:
    """Yield a folder in which transformers and diffusers find the chosen weights of `folder` under their plain names.

    It is `folder` itself if that holds no other plain weights, else a temporary folder of symbolic links.
    """
    folder = Path(folder).resolve()
    chosen = chosen_files(folder, half)
    sets = weight_sets(path.name for path in folder.iterdir())
    if [(one.format, one.variant) for one in sets if not one.variant] == [(chosen.format, chosen.variant)]:
        yield folder
        return
    weights = {name for one in sets for name in (one.whole, one.index, *one.shards.values())}
    with tempfile.TemporaryDirectory() as scratch:
        view = Path(scratch)
        for name in (path.name for path in folder.iterdir() if path.name not in weights):
            (view / name).symlink_to(folder / name)
        for name, here in chosen.links.items():
            (view / name).symlink_to(folder / here)
        yield view


def check_file(path: Path) -> None:
    """Check a weight file's content against its name, without reading the tensors.

    Raises:
        ValueError: it is a git-lfs pointer, a web page, truncated, empty, or of another format.
    """
    if not path.is_file():
        raise ValueError(f"{path} is not a file; give the file itself")
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(512)
        if fault := foreign_content(head):
            raise ValueError(f"{path} {fault}")
        if path.suffix == ".safetensors":
            length = int.from_bytes(head[:8], "little")
            file.seek(8)
            header = file.read(length) if length <= size - 8 else b""
            fault = _safetensors_fault(header, size - 8 - length)
        elif head.startswith(b"PK"):
            fault = "" if _is_archive(path) else "is truncated"
        else:
            fault = "" if path.suffix == ".onnx" or head.startswith(b"\x80") else "is not a PyTorch file"
    if fault:
        raise ValueError(f"{path} {fault} ({size:,} bytes); download it again")


def _is_archive(path: Path) -> bool:
    try:
        return zipfile.is_zipfile(path)
    except zipfile.BadZipFile:  # of several disks, says its end
        return False


def foreign_content(head: bytes) -> str:
    """The fault of a file that begins with `head`: a git-lfs pointer, a web page, or empty; "" if none of these."""
    if not head:
        return "is empty; download it again"
    if head.startswith(b"version https://git-lfs"):
        return "is a git-lfs pointer and not the file itself; run `git lfs pull` in its folder, or download the file"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page and not the file; download the file itself (on the Hub: /resolve/, not /blob/)"
    return ""


def check_pointers(folder: Path) -> None:
    """Check the configs and tokenizer files of `folder`.

    Raises:
        ValueError: one is a git-lfs pointer, a web page or empty.
    """
    for path in sorted(Path(folder).iterdir()):
        if path.name.endswith(SMALL_FILES) and path.is_file():
            check_pointer(path)


def check_pointer(path: Path) -> None:
    """Check a config or a file of a tokenizer. Raises like `check_pointers`."""
    with open(path, "rb") as file:
        if fault := foreign_content(file.read(512)):
            raise ValueError(f"{path} {fault}")


def _safetensors_fault(header: bytes, room: int) -> str:
    """The fault of a safetensors file with this header and `room` bytes of tensors; "" if there is none."""
    try:
        entries = strict_json(header)
        needed: int = max((e["data_offsets"][1] for key, e in entries.items() if key != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return "is not a safetensors file"
    if room == needed:
        return ""
    return "is truncated" if room < needed else "is not a safetensors file"
