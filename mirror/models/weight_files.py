"""Which files of a model folder are its weights: one whole set out of formats, shards and variants such as fp16.

The rules are the names that transformers and diffusers write. Also says what a file is that is no weights at all. Reads
no tensor and knows no architecture.
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
# Preferred first: (format, variant), the plain variant being the empty text. Half the precision is half the download.
HALF_ORDER = [(form, variant) for form in ("safetensors", "bin") for variant in ("fp16", "bf16", "")]
FULL_ORDER = [(form, variant) for variant in ("", "fp16", "bf16") for form in ("safetensors", "bin")]


@dataclass
class WeightSet:
    """Files that hold all weights of a model together, in one format and variant."""

    stem: str
    format: str
    variant: str
    whole: str = ""
    index: str = ""
    shards: dict[int, str] = field(default_factory=dict)
    count: int = 0  # of shards, as their names say

    @property
    def is_complete(self) -> bool:
        return bool(self.whole or (self.index and self.count and len(self.shards) == self.count))

    @property
    def files(self) -> list[str]:
        """The names of the files with tensors, in order."""
        return [self.whole] if self.whole else [self.shards[number] for number in sorted(self.shards)]

    @property
    def links(self) -> dict[str, str]:
        """The name that the libraries look for without a variant → the name here."""
        plain = f"{self.stem}.{self.format}"
        return {plain: self.whole} if self.whole else {f"{plain}.index.json": self.index} | {n: n for n in self.files}


def weight_sets(names: Iterable[str]) -> list[WeightSet]:
    """All sets among the file `names` of one folder, whole or not."""
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
    """The whole set among `names` that suits the precision best; None where there is none.

    In half precision the fp16 variant goes before the plain files, in full precision after them; other variants
    (such as ema) are never taken.
    """
    whole = {(one.format, one.variant): one for one in weight_sets(names) if one.is_complete}
    return next((whole[key] for key in (HALF_ORDER if half else FULL_ORDER) if key in whole), None)


def needed(names: Iterable[str], half: bool, parts: Iterable[str] = ("",)) -> list[str]:
    """Of all file `names` of a repository those that loading a model reads; `parts` are its folders, "" the top."""
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
    """The set that `choose` takes in `folder`, its files looked at.

    Raises:
        FileNotFoundError: there is none; says what there is.
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
    """A folder in which transformers and diffusers find the chosen weights of `folder` under their plain names.

    It is `folder` itself where these are the only plain ones in it, else a temporary folder of links.
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
    """Raises ValueError where a file of weights is not what its name says: a pointer, a web page, cut off, empty."""
    if not path.is_file():
        raise ValueError(f"{path} is no file; give the file itself")
    size = path.stat().st_size
    with open(path, "rb") as file:
        head = file.read(512)
        if fault := foreign_content(head):
            raise ValueError(f"{path} {fault}")
        if path.suffix == ".safetensors":
            length = int.from_bytes(head[:8], "little")
            header = file.seek(8) and file.read(length) if length <= size - 8 else b""
            fault = _safetensors_fault(header, size - 8 - length)
        elif head.startswith(b"PK"):
            fault = "" if zipfile.is_zipfile(path) else "is cut off"
        else:
            fault = "" if path.suffix == ".onnx" or head.startswith(b"\x80") else "is no PyTorch file"
    if fault:
        raise ValueError(f"{path} {fault} ({size:,} bytes); download it again")


def foreign_content(head: bytes) -> str:
    """What a file is that begins with `head`, where that is a git-lfs pointer, a web page or nothing; else ""."""
    if not head:
        return "is empty; download it again"
    if head.startswith(b"version https://git-lfs"):
        return "is a pointer of git-lfs and not the file itself; run `git lfs pull` in its folder, or download the file"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page and not the file; download the file itself (on the Hub: /resolve/, not /blob/)"
    return ""


def check_pointers(folder: Path) -> None:
    """Raises ValueError where a small file of `folder` (a config, a tokenizer) is a pointer, a web page or empty."""
    for path in sorted(Path(folder).iterdir()):
        if path.name.endswith(SMALL_FILES) and path.is_file():
            with open(path, "rb") as file:
                if fault := foreign_content(file.read(512)):
                    raise ValueError(f"{path} {fault}")


def _safetensors_fault(header: bytes, room: int) -> str:
    """What is wrong with a safetensors file of this header whose tensors have `room` bytes; "" if nothing."""
    try:
        entries = strict_json(header)
        needed = max((e["data_offsets"][1] for key, e in entries.items() if key != "__metadata__"), default=0)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return "is no safetensors file"
    return "is cut off" if room < needed else "is no safetensors file" if room > needed else ""
