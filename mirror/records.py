"""The records of a training set in the published JSON format: read, and every fault found in one pass.

Knows nothing of tokens or models.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from PIL import Image, UnidentifiedImageError

from mirror.conversation import END, IMAGE
from mirror.run import write_text

CONTROL = (END, "<s>", "<unk>", "<pad>")  # text that a tokenizer would read as a control token


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
    """All sound records of `file`, all faults of the others, and how many records there are."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(file, [Fault("file", "JSON", str(error))], 0) from None
    if not isinstance(rows, list) or not rows:
        found = "an empty list" if rows == [] else type(rows).__name__
        raise DataError(file, [Fault("file", "JSON", f"must be a list of records, found {found}")], 0)
    records, faults, seen = [], [], Counter()
    for number, row in enumerate(rows):
        record, problems = _read_record(row, number, image_folder)
        identifier = row.get("question_id") if isinstance(row, dict) else None
        name = f"record {number}" + (f" ({identifier})" if isinstance(identifier, str) else "")
        if record and seen[record.id]:
            problems.append(("question_id", "stands in the file twice"))
        if problems:
            faults += [Fault(name, field, problem) for field, problem in problems]
        else:
            seen[record.id] += 1
            records.append(record)
    broken = _unreadable({record.image for record in records})
    faults += [Fault(r.name, "image", broken[r.image]) for r in records if r.image in broken]
    return [record for record in records if record.image not in broken], faults, len(rows)


def _read_record(row: Any, number: int, image_folder: Path) -> tuple[Record | None, list[tuple[str, str]]]:
    """The record, or what is wrong with it as (field, problem) pairs."""
    if not isinstance(row, dict):
        return None, [("record", f"must be an object, found {type(row).__name__}")]
    problems: list[tuple[str, str]] = []
    identifier = row.get("question_id")
    parts = identifier.rsplit(":", 2) if isinstance(identifier, str) else []
    if len(parts) != 3 or not all(parts):
        problems.append(("question_id", f"must read <dialogue>:<turn>:<kind>, found {identifier!r}"))
    image, problem = _image_path(row.get("image"), image_folder)
    if problem:
        problems.append(("image", problem))
    turns, found = _turns(row.get("conversations"))
    problems += [("conversations", problem) for problem in found]
    if problems:
        return None, problems
    return Record(identifier, *parts, image, turns, number), []


def _image_path(name: Any, image_folder: Path) -> tuple[Path, str]:
    """Where the image lies, and what is wrong with its name ("" if nothing)."""
    if not isinstance(name, str) or not name:
        return image_folder, f"must be a path below the image folder, found {name!r}"
    path = PurePosixPath(name)
    if path.is_absolute() or PureWindowsPath(name).is_absolute() or ".." in path.parts:
        return image_folder, f"must be relative to the image folder and stay in it, found {name!r}"
    try:
        is_there = (image_folder / path).is_file()
    except (OSError, ValueError):  # a name that no file can have
        is_there = False
    return image_folder / path, "" if is_there else f"no such file {image_folder / path}"


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


def _unreadable(images: set[Path]) -> dict[Path, str]:
    """What is wrong with each image that cannot be decoded whole."""

    def problem(path: Path) -> str:
        try:
            with Image.open(path) as image:
                image.load()
        except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            return f"cannot be read as an image: {path} ({error})"
        return ""

    paths = sorted(images)
    with ThreadPoolExecutor() as pool:
        return {path: text for path, text in zip(paths, pool.map(problem, paths), strict=True) if text}


def write_faults(path: Path, faults: Sequence[Fault]) -> None:
    """All faults as a CSV table (record, field, problem)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["record", "field", "problem"])
    writer.writerows([fault.record, fault.field, fault.problem] for fault in faults)
    write_text(path, text.getvalue())
