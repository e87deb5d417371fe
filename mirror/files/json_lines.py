"""Append-only files of JSON lines, one record per line with its own digest, readable after a kill at any moment."""

import json
import os
from pathlib import Path
from typing import BinaryIO, TypeVar

from pydantic import BaseModel, ValidationError

from mirror.files.digests import matches_own_digest, with_own_digest, without_own_digest
from mirror.files.json_file import strict_json
from mirror.paths import display_path

Line = TypeVar("Line", bound=BaseModel)


class JsonLinesError(ValueError):
    """A file with an invalid line; the message names file, line and fault."""


def read_lines(path: Path, kind: type[Line]) -> list[Line]:
    """Read the complete lines of a file; text after the last line feed is an interrupted write and is ignored.

    Args:
        path: The file; it may be missing.
        kind: The type of a line.

    Returns:
        The lines in order.

    Raises:
        JsonLinesError: A complete line is not valid.
    """
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    name = kind.__name__.removesuffix("Record").lower()
    found: list[Line] = []
    for number, line in enumerate(lines, 1):
        try:
            record = strict_json(line)
            if not isinstance(record, dict):
                raise ValueError(f"must be an object, found {type(record).__name__}")
            if not matches_own_digest(record):
                raise ValueError("was changed since it was written")
            found.append(kind.model_validate_json(json.dumps(without_own_digest(record))))
        except ValidationError as error:
            what = error.errors()[0]
            fault = ": ".join([*map(str, what["loc"]), what["msg"]])
            raise JsonLinesError(f"{display_path(path)}: line {number}: is no {name} ({fault})") from None
        except ValueError as error:
            raise JsonLinesError(f"{display_path(path)}: line {number}: {error}; fix or remove the line") from None
    return found


def append_line(path: Path, line: BaseModel) -> None:
    """Append a line with its own digest and sync it to disk; first remove what an interrupted write left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        _cut_torn_end(file)
        file.write(encoded(line))
        file.flush()
        os.fsync(file.fileno())


def encoded(line: BaseModel) -> bytes:
    """A record as a line of the file, with its own digest and the line feed."""
    record = with_own_digest(line.model_dump(mode="json"))
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _cut_torn_end(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    if size and (file.seek(size - 1), file.read(1))[1] != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
