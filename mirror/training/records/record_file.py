"""Parses a training set's file, JSON or JSON Lines, into rows that are not checked yet."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror.files.text_file import TextFileError, read_text
from mirror.training.records.faults import DataError, RecordFault

LINES = (".jsonl", ".ndjson")  # file name extensions of JSON Lines


class JsonObject(dict[str, Any]):
    """A JSON object; `repeated` are the keys that occur more than once with different values."""

    repeated: tuple[str, ...] = ()


@dataclass(frozen=True)
class BadLine:
    """A line of JSON Lines that is not JSON; `line` counts from 1, as in editors."""

    line: int
    problem: str


def _json_object(pairs: list[tuple[str, Any]]) -> JsonObject:
    values = JsonObject(pairs)
    if len(values) < len(pairs):
        values.repeated = tuple(dict.fromkeys(key for key, value in pairs if values[key] != value))
    return values


def read_rows(file: Path) -> list[Any]:
    """The records as parsed from the file; a line that cannot be parsed becomes a BadLine.

    Raises:
        DataError: the file cannot be read, or holds no list of records.
    """
    try:
        text = read_text(file)
    except OSError as error:
        raise DataError(file, [RecordFault("file", "text", f"cannot be read ({error.strerror})")], 0) from None
    except TextFileError as error:
        raise DataError(file, [RecordFault("file", "JSON", str(error))], 0, "save the file as UTF-8") from None
    try:
        rows = _parse(text)
    except (ValueError, RecursionError) as error:
        if not _is_lines(text, file):
            raise DataError(file, [RecordFault("file", "JSON", str(error))], 0) from None
        rows = _lines(text)
    if isinstance(rows, dict) and file.suffix.lower() in LINES:
        rows = [rows]
    if not isinstance(rows, list) or not rows:
        found = "an empty list" if rows == [] else "dict" if isinstance(rows, dict) else type(rows).__name__
        problem = f"must be a list of records, or JSON Lines with one record per line, found {found}"
        raise DataError(file, [RecordFault("file", "JSON", problem)], 0)
    return rows


def _parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_json_object)


def _lines(text: str) -> list[Any]:
    rows: list[Any] = []
    for number, line in enumerate(text.split("\n"), 1):  # JSON strings may contain the other line separators
        if line.strip():
            try:
                rows.append(_parse(line))
            except (ValueError, RecursionError) as error:
                rows.append(BadLine(number, str(error)))
    return rows


def _is_lines(text: str, file: Path) -> bool:
    """Whether a text that is not one JSON value is JSON Lines: by the file's extension, or as a line is a record."""
    if text.lstrip()[:1] == "[":
        return False
    has_record = any(isinstance(row, dict) and "conversations" in row for row in _lines(text))
    return bool(text.strip()) and (file.suffix.lower() in LINES or has_record)
