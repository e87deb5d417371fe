"""Reads the records of a training set in the published format, and finds all their faults in one pass.

The file is one JSON list of records, or JSON Lines (one record per line).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror.files.image_file import picture_faults
from mirror.files.image_paths import PictureFolder, PicturePathError
from mirror.files.text_file import lone_surrogate
from mirror.models.llava_chat import END, IMAGE
from mirror.training.records.faults import RecordFault
from mirror.training.records.record_file import BadLine, JsonObject, read_rows

CONTROL = (END, "<s>", "<unk>", "<pad>")  # text that a tokenizer would encode as a control token
Problem = tuple[str, str]  # field, and what is wrong with it
Turns = tuple[tuple[str, str], ...]  # (human, answer) pairs
_NOT_FOUND = re.compile(r"^- [^:\n]+:[ \t]*+\n?[ \t]*+not found\.?[ \t]*$", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True)
class Record:
    """One training example: a conversation about one image.

    Attributes:
        id: `<dialogue>:<turn>:<kind>`, unique in the file.
        dialogue: the dialogue that the example is from.
        turn: of the dialogue.
        kind: `response`, `planning` or `emotion_recognition`.
        image: file of the image.
        turns: (human, answer) pairs; the first human turn starts with `<image>`.
        number: position in the file, from 0.
    """

    id: str
    dialogue: str
    turn: str
    kind: str
    image: Path
    turns: Turns
    number: int = 0

    @property
    def name(self) -> str:
        """What messages call the record."""
        return f"record {self.number} ({self.id})"


def read_records(file: Path, image_folder: Path) -> tuple[list[Record], list[RecordFault], int]:
    """Read all records of a file and check their images.

    Args:
        file: JSON or JSON Lines.
        image_folder: that the image paths in the file are relative to.

    Returns:
        The valid records, the faults of the others, and the number of all records.

    Raises:
        DataError: the file as a whole cannot be read.
    """
    rows, folder = read_rows(file), PictureFolder(image_folder)
    records: list[Record] = []
    faults: list[RecordFault] = []
    seen: set[str] = set()
    for number, row in enumerate(rows):
        found = _read_record(row, number, folder)
        if isinstance(found, Record) and found.id in seen:
            found = [("question_id", "stands in the file twice")]
        if isinstance(found, Record):
            seen.add(found.id)
            records.append(found)
        else:
            faults += [RecordFault(_name(row, number), field, problem) for field, problem in found]
    broken = picture_faults(record.image for record in records)
    faults += [RecordFault(r.name, "image", broken[r.image]) for r in records if r.image in broken]
    return [record for record in records if record.image not in broken], faults, len(rows)


def not_found_fields(records: Iterable[Record]) -> int:
    """The number of records with a profile field that reads "Not found", as the published extraction writes it.

    Such records are used for training unchanged; whoever prepares the data may leave them out.
    """
    return sum(bool(_NOT_FOUND.search(human)) for human in (record.turns[0][0] for record in records))


# A record -------------------------------------------------------------------------------------------------------------


def _name(row: Any, number: int) -> str:
    """What messages call a record: its number in the file, from 0, with its id or its line."""
    if isinstance(row, BadLine):
        return f"record {number} (line {row.line})"
    identifier = row.get("question_id") if isinstance(row, dict) else None
    if not isinstance(identifier, str):
        return f"record {number}"
    return f"record {number} ({identifier if identifier.isprintable() else ascii(identifier)})"


def _read_record(row: Any, number: int, folder: PictureFolder) -> Record | list[Problem]:
    """The record, or its problems."""
    if isinstance(row, BadLine):
        return [("JSON", f"line {row.line} is not JSON ({row.problem}); JSON Lines hold one record per line")]
    if not isinstance(row, JsonObject):
        return [("record", f"must be an object, found {type(row).__name__}")]
    fields = ("question_id", "image", "conversations")
    problems = [(key, "stands in the record twice, with two values") for key in row.repeated if key in fields]
    identifier = _identifier(row.get("question_id"))
    image = _image_path(row.get("image"), folder)
    turns = _turns(row.get("conversations"))
    if isinstance(identifier, str):
        problems.append(("question_id", identifier))
    if isinstance(image, str):
        problems.append(("image", image))
    if isinstance(turns, list):
        problems += [("conversations", problem) for problem in turns]
    if problems or isinstance(identifier, str) or isinstance(image, str) or isinstance(turns, list):
        return problems
    return Record(":".join(identifier), *identifier, image, turns, number)


def _identifier(value: Any) -> tuple[str, str, str] | str:
    """The dialogue, turn and kind of an id, or what is wrong with it."""
    parts = value.rsplit(":", 2) if isinstance(value, str) else []
    if len(parts) != 3 or not all(parts):
        return f"must read <dialogue>:<turn>:<kind>, found {value!r:.200}"
    if half := lone_surrogate(value):
        return f"holds {half}"
    dialogue, turn, kind = parts
    return dialogue, turn, kind


def _image_path(name: Any, folder: PictureFolder) -> Path | str:
    """The image's file, or what is wrong with its name."""
    if not isinstance(name, str) or not name:
        return f"must be a path below the image folder, found {name!r:.200}"
    try:
        return folder.find(name)
    except PicturePathError as error:
        return str(error)


def _turns(conversation: Any) -> Turns | list[str]:
    """The (human, answer) pairs of a conversation, or what is wrong with it."""
    if not isinstance(conversation, list) or not conversation:
        return [f"must be a list of turns, found {conversation!r:.60}"]
    problems = ["the last turn must be an answer (gpt)"] if len(conversation) % 2 else []
    for number, turn in enumerate(conversation):
        problems += _turn_problems(turn, number)
    if problems:
        return problems
    values = [turn["value"] for turn in conversation]
    # The original moves the image to the beginning of its turn, wherever the text has it.
    values[0] = f"{IMAGE}\n{values[0].replace(IMAGE, '').strip()}"
    return tuple(zip(values[::2], (answer.strip() for answer in values[1::2]), strict=True))


def _turn_problems(turn: Any, number: int) -> list[str]:
    """What is wrong with the turn of that number, from 0, in its conversation."""
    role = ("human", "gpt")[number % 2]
    if not isinstance(turn, JsonObject) or turn.get("from") != role:
        found = turn.get("from") if isinstance(turn, JsonObject) else turn
        return [f"turn {number} must be from {role}, found {found!r:.60}"]
    text = turn.get("value")
    if not isinstance(text, str):
        return [f"turn {number} ({role}) must be text, found {text!r:.60}"]
    if "value" in turn.repeated or "from" in turn.repeated:
        return [f"turn {number} ({role}) has two values"]
    if half := lone_surrogate(text):
        return [f"turn {number} ({role}) holds {half}"]
    rest = text.replace(IMAGE, "")
    if not rest.strip():
        return [f"turn {number} ({role}) is empty"]
    problems, images = [], text.count(IMAGE)
    if images != (number == 0):
        problems.append(f"turn {number} holds {IMAGE} {images} times, must be {'once' if number == 0 else 'never'}")
    return problems + [f"turn {number} holds the control token {token}" for token in (*CONTROL, IMAGE) if token in rest]
