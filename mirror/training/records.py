"""The records of a training set in the published format: read, and every fault found in one pass.

The file is one JSON list of records, or JSON Lines (one record per line). No tokens or models here.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror.files.atomic import write_text
from mirror.files.csv_file import escape_cell
from mirror.files.image_file import picture_faults
from mirror.files.image_paths import PictureFolder, PicturePathError
from mirror.files.text_file import TextFileError, lone_surrogate, read_text
from mirror.models.llava_chat import END, IMAGE

LINES = (".jsonl", ".ndjson")  # endings of JSON Lines
CONTROL = (END, "<s>", "<unk>", "<pad>")  # text that a tokenizer would read as a control token
_NOT_FOUND = re.compile(r"^- [^:\n]+:[ \t]*+\n?[ \t]*+not found\.?[ \t]*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Record:
    """One training example: (human, answer) pairs about one image; the first human turn opens with `<image>`.

    `number` is its place in the file, from 0.
    """

    id: str
    dialogue: str
    turn: str
    kind: str
    image: Path
    turns: tuple[tuple[str, str], ...]
    number: int = 0

    @property
    def name(self) -> str:
        return f"record {self.number} ({self.id})"


@dataclass(frozen=True)
class Fault:
    """What is wrong with one field of one record; `record` is its number in the file (from 0) and its id."""

    record: str
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.record}: {self.field}: {self.problem}"


class DataError(ValueError):
    """A training set with faults; the message lists them (the first 20), `.faults` holds all.

    `records` is how many the file holds, 0 where it cannot be read at all; `advice` says what to do.
    """

    def __init__(self, file: Path, faults: Sequence[Fault], records: int, advice: str = "mend the file") -> None:
        self.faults = tuple(faults)
        bad = len({fault.record for fault in faults})
        count = f"{len(faults)} fault{'s' * (len(faults) != 1)}" + f" in {bad} of {records} records" * bool(records)
        shown = "\n".join(f"  {fault}" for fault in faults[:20])
        more = f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else ""
        super().__init__(f"{file}: {count}:\n{shown}{more}\n{advice}")


def read_records(file: Path, image_folder: Path) -> tuple[list[Record], list[Fault], int]:
    """All sound records of `file`, all faults of the others, and how many records there are.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    rows, folder = _rows(file), PictureFolder(image_folder)
    records, faults, seen = [], [], set()
    for number, row in enumerate(rows):
        record, problems = _read_record(row, number, folder)
        if record and record.id in seen:
            problems.append(("question_id", "stands in the file twice"))
        if problems:
            faults += [Fault(_name(row, number), field, problem) for field, problem in problems]
        else:
            seen.add(record.id)
            records.append(record)
    broken = picture_faults(record.image for record in records)
    faults += [Fault(r.name, "image", broken[r.image]) for r in records if r.image in broken]
    return [record for record in records if record.image not in broken], faults, len(rows)


def not_found_fields(records: Iterable[Record]) -> int:
    """How many records have a field of the profile that reads "Not found", as the published extraction writes it.

    They are trained on as they are: a prompt's text is the data's own. Who prepares the data may leave them out.
    """
    return sum(bool(_NOT_FOUND.search(human)) for human in (record.turns[0][0] for record in records))


# The file -------------------------------------------------------------------------------------------------------------


class _Object(dict):
    """A JSON object; `repeated` are the keys that stand in it more than once with different values."""

    repeated: tuple[str, ...] = ()


@dataclass(frozen=True)
class _BadLine:
    """A line of JSON Lines that is no JSON; `line` counts from 1, as editors do."""

    line: int
    problem: str


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    values = _Object(pairs)
    if len(values) < len(pairs):
        values.repeated = tuple(dict.fromkeys(key for key, value in pairs if values[key] != value))
    return values


def _rows(file: Path) -> list[Any]:
    """The records as they stand in the file; a line that cannot be read is a _BadLine in its place."""
    try:
        text = read_text(file)
        rows = _parse(text)
    except OSError as error:
        raise DataError(file, [Fault("file", "text", f"cannot be read ({error.strerror})")], 0) from None
    except TextFileError as error:
        raise DataError(file, [Fault("file", "JSON", str(error))], 0, "save the file as UTF-8") from None
    except (ValueError, RecursionError) as error:
        rows = _lines(text) if _is_lines(text, file) else None
        if rows is None:
            raise DataError(file, [Fault("file", "JSON", str(error))], 0) from None
    if isinstance(rows, dict) and file.suffix.lower() in LINES:
        rows = [rows]
    if not isinstance(rows, list) or not rows:
        found = "an empty list" if rows == [] else "dict" if isinstance(rows, dict) else type(rows).__name__
        problem = f"must be a list of records, or JSON Lines with one record per line, found {found}"
        raise DataError(file, [Fault("file", "JSON", problem)], 0)
    return rows


def _parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def _lines(text: str) -> list[Any]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):  # no other line end: JSON's strings may hold those
        if line.strip():
            try:
                rows.append(_parse(line))
            except (ValueError, RecursionError) as error:
                rows.append(_BadLine(number, str(error)))
    return rows


def _is_lines(text: str, file: Path) -> bool:
    """Whether a text that is not one JSON value is JSON Lines: by its ending, or as a whole record stands in a line."""
    if text.lstrip()[:1] == "[":
        return False
    has_record = any(isinstance(row, dict) and "conversations" in row for row in _lines(text))
    return bool(text.strip()) and (file.suffix.lower() in LINES or has_record)


# A record -------------------------------------------------------------------------------------------------------------


def _name(row: Any, number: int) -> str:
    """What a fault calls a record: its number in the file, from 0, with its id or its line."""
    if isinstance(row, _BadLine):
        return f"record {number} (line {row.line})"
    identifier = row.get("question_id") if isinstance(row, dict) else None
    if not isinstance(identifier, str):
        return f"record {number}"
    return f"record {number} ({identifier if identifier.isprintable() else ascii(identifier)})"


def _read_record(row: Any, number: int, folder: PictureFolder) -> tuple[Record | None, list[tuple[str, str]]]:
    """The record, or what is wrong with it as (field, problem) pairs."""
    if isinstance(row, _BadLine):
        return None, [("JSON", f"line {row.line} is no JSON ({row.problem}); JSON Lines hold one record per line")]
    if not isinstance(row, dict):
        return None, [("record", f"must be an object, found {type(row).__name__}")]
    fields = ("question_id", "image", "conversations")
    problems = [(key, "stands in the record twice, with two values") for key in row.repeated if key in fields]
    identifier = row.get("question_id")
    parts = identifier.rsplit(":", 2) if isinstance(identifier, str) else []
    if len(parts) != 3 or not all(parts):
        problems.append(("question_id", f"must read <dialogue>:<turn>:<kind>, found {identifier!r:.200}"))
    elif half := lone_surrogate(identifier):
        problems.append(("question_id", f"holds {half}"))
    image, problem = _image_path(row.get("image"), folder)
    if problem:
        problems.append(("image", problem))
    turns, found = _turns(row.get("conversations"))
    problems += [("conversations", problem) for problem in found]
    if problems:
        return None, problems
    return Record(identifier, *parts, image, turns, number), []


def _image_path(name: Any, folder: PictureFolder) -> tuple[Path | None, str]:
    """Where the image lies, and what is wrong with its name ("" if nothing)."""
    if not isinstance(name, str) or not name:
        return None, f"must be a path below the image folder, found {name!r:.200}"
    try:
        return folder.find(name), ""
    except PicturePathError as error:
        return None, str(error)


def _turns(conversation: Any) -> tuple[tuple[tuple[str, str], ...], list[str]]:
    """The (human, answer) pairs of a conversation, and what is wrong with it."""
    if not isinstance(conversation, list) or not conversation:
        return (), [f"must be a list of turns, found {conversation!r:.60}"]
    problems = []
    if len(conversation) % 2:
        problems.append("the last turn must be an answer (gpt)")
    for i, turn in enumerate(conversation):
        role = ("human", "gpt")[i % 2]
        if not isinstance(turn, dict) or turn.get("from") != role:
            found = turn.get("from") if isinstance(turn, dict) else turn
            problems.append(f"turn {i} must be from {role}, found {found!r:.60}")
        elif not isinstance(turn.get("value"), str):
            problems.append(f"turn {i} ({role}) must be text, found {turn.get('value')!r:.60}")
        elif "value" in turn.repeated or "from" in turn.repeated:
            problems.append(f"turn {i} ({role}) has two values")
        elif half := lone_surrogate(turn["value"]):
            problems.append(f"turn {i} ({role}) holds {half}")
        elif not turn["value"].replace(IMAGE, "").strip():
            problems.append(f"turn {i} ({role}) is empty")
        else:
            images = turn["value"].count(IMAGE)
            if images != (i == 0):
                problems.append(f"turn {i} holds {IMAGE} {images} times, must be {'once' if i == 0 else 'never'}")
            rest = turn["value"].replace(IMAGE, "")
            problems += [f"turn {i} holds the control token {token}" for token in (*CONTROL, IMAGE) if token in rest]
    if problems:
        return (), problems
    values = [turn["value"] for turn in conversation]
    # The original puts the image first in its turn, wherever the text had it.
    values[0] = f"{IMAGE}\n{values[0].replace(IMAGE, '').strip()}"
    return tuple(zip(values[::2], (answer.strip() for answer in values[1::2]), strict=True)), []


def write_faults(path: Path, faults: Sequence[Fault]) -> None:
    """All faults as a CSV table (record, field, problem)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["record", "field", "problem"])
    writer.writerows(map(escape_cell, (fault.record, fault.field, fault.problem)) for fault in faults)
    write_text(path, text.getvalue())
