"""Size and SHA-256 of the files in a folder, written when the folder is complete and checked when it is read."""

import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from mirror.files.json_file import read_json, write_json
from mirror.paths import display_path

DIGESTS = "digests.json"
THREADS = 8  # files that are read at a time
LONGEST, LONGEST_PART = 4096, 255  # characters of a path, bytes between two slashes
OWN = "sha256"  # key under which a record stores its own digest


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(path: Path) -> dict[str, Any]:
    """Return the size (`bytes`) and SHA-256 (`sha256`, hex) of a file."""
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def write_digests(folder: Path, subfolders: bool = False) -> None:
    """Write `digests.json`: the digest of every file in `folder`, except hidden files and itself.

    Args:
        folder: the folder; its files are complete.
        subfolders: also the files below its subfolders, named by their path with `/`.
    """
    write_json(folder / DIGESTS, {name: digest(folder / name) for name in file_names(folder, subfolders)})


def file_names(folder: Path, subfolders: bool) -> list[str]:
    """List the files of a folder that digests are taken of, sorted: without hidden files and `digests.json`."""
    found = (path for path in (folder.rglob("*") if subfolders else folder.iterdir()) if path.is_file())
    named = (path.relative_to(folder) for path in found)
    return sorted(name.as_posix() for name in named if not _is_hidden(name) and name.as_posix() != DIGESTS)


def _is_hidden(name: Path) -> bool:
    return any(part.startswith(".") for part in name.parts)


def folder_faults(folder: Path, thorough: bool = False) -> list[str]:
    """Compare a folder with its `digests.json`.

    Args:
        folder: the folder to check.
        thorough: also compare every SHA-256; otherwise only sizes, which is immediate.

    Returns:
        One sentence per difference; empty if the folder has no `digests.json`.
    """
    if not (folder / DIGESTS).is_file():
        return []
    try:
        digests = read_json(folder / DIGESTS)
    except ValueError as error:
        return [str(error)]
    if broken := [name for name, entry in digests.items() if not is_digest(entry)]:
        return [f"{display_path(folder / DIGESTS)} is damaged: no size and SHA-256 for {broken[0]!r}"]
    return list(digest_faults(folder, digests, "the folder was written", thorough))


def changed_files(folder: Path, paths: Collection[Path]) -> dict[Path, str]:
    """Compare some files with the `digests.json` of a folder, completely.

    Args:
        folder: the folder; without `digests.json` nothing is known of its files.
        paths: the files; of one that lies outside of the folder or has no digest, nothing is known.

    Returns:
        A sentence for each file that is not as it was written.

    Raises:
        ValueError: the digests are damaged; the message names their file.
    """
    if not (folder / DIGESTS).is_file():
        return {}
    digests = read_json(folder / DIGESTS)
    if not are_digests(digests):
        raise ValueError(f"{display_path(folder / DIGESTS)} is damaged: an entry is no size and SHA-256")

    def fault(path: Path) -> str:
        name = Path(os.path.relpath(path, folder)).as_posix()
        known = {name: digests[name]} if name in digests else {}
        return "; ".join(digest_faults(folder, known, "the folder was written", thorough=True))

    with ThreadPoolExecutor(THREADS) as pool:
        return {path: found for path, found in zip(paths, pool.map(fault, paths), strict=True) if found}


def require_intact(folder: Path) -> None:
    """Check every SHA-256 of `folder`.

    Raises:
        ValueError: a file is missing or differs; the message names all of them.
    """
    if faults := folder_faults(folder, thorough=True):
        raise ValueError(
            f"{'; '.join(faults)}. Restore the file from a copy; if the change was intended, remove "
            f"{display_path(folder / DIGESTS)}"
        )


def digest_faults(folder: Path, digests: Mapping[str, Any], when: str, thorough: bool) -> Iterator[str]:
    """Compare files with their digests.

    Args:
        folder: the folder of the files.
        digests: file name → entry as `digest` returns it.
        when: when the digests were taken, for messages: `the folder was written`.
        thorough: also compare every SHA-256; otherwise only sizes.

    Yields:
        One sentence per difference.
    """
    for name, written in digests.items():
        path = folder / name
        if not path.is_file():
            yield f"{display_path(path)} is missing"
        elif (size := path.stat().st_size) != written["bytes"]:
            yield f"{display_path(path)} has {size} bytes, and had {written['bytes']} when {when}"
        elif thorough and sha256(path) != written["sha256"]:
            yield f"{display_path(path)} was changed since {when}"


def are_digests(entries: Any) -> bool:
    """Whether a value read from JSON maps names of files in a folder to digests."""
    return isinstance(entries, dict) and all(_is_name(name) and is_digest(entry) for name, entry in entries.items())


def _is_name(name: str) -> bool:
    """Whether a text names a file below a folder, by a path that a file system can hold."""
    parts = PurePosixPath(name).parts
    is_below = bool(parts) and not name.startswith("/") and ".." not in parts and "\0" not in name
    return is_below and len(name) <= LONGEST and all(len(part.encode()) <= LONGEST_PART for part in parts)


def is_digest(entry: Any) -> bool:
    """Return whether a value read from JSON is a size and a SHA-256."""
    return isinstance(entry, dict) and isinstance(entry.get("bytes"), int) and isinstance(entry.get("sha256"), str)


def with_own_digest(record: Mapping[str, Any]) -> dict[str, Any]:
    """Add the SHA-256 of a record's content to it, independent of key order and whitespace."""
    return {**record, OWN: content_digest(record)}


def matches_own_digest(record: Mapping[str, Any]) -> bool:
    """Return whether `record` still has the content that it was written with; True if it stores no digest."""
    return not isinstance(record, Mapping) or OWN not in record or record[OWN] == content_digest(record)


def without_own_digest(record: Mapping[str, Any]) -> dict[str, Any]:
    """`record` as it was before `with_own_digest`."""
    return {name: value for name, value in record.items() if name != OWN}


def content_digest(record: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a JSON object, independent of order, white space and its own digest."""
    content = json.dumps(without_own_digest(record), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
