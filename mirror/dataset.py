"""The training set: read, checked as a whole, tokenized, split by dialogue, cut into batches of like length.

Knows nothing of models; a `Llava` is passed in for its tokenizer and image processor.
"""

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pandas as pd
import torch
from PIL import Image, UnidentifiedImageError

from mirror.conversation import END, IGNORED, IMAGE, Tokens, tokenize
from mirror.llava import Llava
from mirror.run import seed_for, write_text
from mirror.step import Batch, collate

Indices = tuple[int, ...]


@dataclass(frozen=True)
class Record:
    """One training example: (human, answer) pairs about one image; the first human turn opens with `<image>`."""

    id: str
    dialogue: str
    turn: str
    kind: str
    image: Path
    turns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Fault:
    """What is wrong with one field of one record; `record` is its number in the file (from 0) and its id."""

    record: str
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.record}: {self.field}: {self.problem}"


class DataError(ValueError):
    """A training set with faults; the message lists them (the first 20), `.faults` holds all."""

    def __init__(self, file: Path, faults: Sequence[Fault], records: int) -> None:
        self.faults = tuple(faults)
        bad = len({fault.record for fault in faults})
        shown = "\n".join(f"  {fault}" for fault in faults[:20])
        more = f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else ""
        super().__init__(
            f"{file}: {len(faults)} faults in {bad} of {records} records:\n{shown}{more}\n"
            "mend them, or drop these records and count them with -p on_fault drop"
        )


@dataclass(frozen=True)
class TrainingSet:
    """Checked and tokenized records, those trained on and those held out, and what was dropped."""

    records: tuple[Record, ...]
    tokens: tuple[Tokens, ...]
    train: Indices
    held_out: Indices
    faults: tuple[Fault, ...]

    def lengths(self, indices: Iterable[int]) -> list[int]:
        return [len(self.tokens[i]) for i in indices]


def load_training_set(
    file: Path, image_folder: Path, llava: Llava, max_length: int, held_out: float, on_fault: str, seed: int
) -> TrainingSet:
    """The whole training set, ready to train on. Raises DataError with all faults at once unless `on_fault` is drop.

    `held_out` is the share of dialogues (not of examples) kept for validation, drawn from `seed`.
    """
    records, faults, count = read_records(file, image_folder)
    tokens = [tokenize(llava.tokenizer, r.turns, llava.image_token_id, llava.image_tokens) for r in records]
    too_long = {i for i, t in enumerate(tokens) if len(t) > max_length}
    faults += [
        Fault(records[i].id, "conversations", f"{len(tokens[i])} tokens with the image, max_length is {max_length}")
        for i in sorted(too_long)
    ]
    if faults and on_fault == "refuse":
        raise DataError(file, faults, count)
    kept = [i for i in range(len(records)) if i not in too_long]
    if not kept:
        raise DataError(file, [*faults, Fault("all", "records", "none is left to train on")], count)
    records, tokens = [records[i] for i in kept], [tokens[i] for i in kept]
    train, validation = split_by_dialogue(records, held_out, seed)
    return TrainingSet(tuple(records), tuple(tokens), train, validation, tuple(faults))


# Reading and checking -------------------------------------------------------------------------------------------------


def read_records(file: Path, image_folder: Path) -> tuple[list[Record], list[Fault], int]:
    """All sound records of `file`, all faults of the others, and how many records there are."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(file, [Fault("file", "JSON", str(error))], 0) from None
    if not isinstance(rows, list) or not rows:
        raise DataError(file, [Fault("file", "JSON", f"must be a list of records, found {type(rows).__name__}")], 0)
    records, faults, seen = [], [], Counter()
    for number, row in enumerate(rows):
        record, problems = _read_record(row, image_folder)
        name = f"record {number}" + (f" ({record.id})" if record else "")
        if record and seen[record.id]:
            problems.append(("question_id", "stands in the file twice"))
        if problems:
            faults += [Fault(name, field, problem) for field, problem in problems]
        else:
            seen[record.id] += 1
            records.append(record)
    broken = _unreadable({record.image for record in records})
    faults += [Fault(r.id, "image", broken[r.image]) for r in records if r.image in broken]
    return [record for record in records if record.image not in broken], faults, len(rows)


def _read_record(row: Any, image_folder: Path) -> tuple[Record | None, list[tuple[str, str]]]:
    """The record, or what is wrong with it as (field, problem) pairs."""
    if not isinstance(row, dict):
        return None, [("record", f"must be an object, found {type(row).__name__}")]
    problems: list[tuple[str, str]] = []
    parts = str(row.get("question_id", "")).rsplit(":", 2)
    if len(parts) != 3 or not all(parts):
        problems.append(("question_id", f"must read <dialogue>:<turn>:<kind>, found {row.get('question_id')!r}"))
    image, problem = _image_path(row.get("image"), image_folder)
    if problem:
        problems.append(("image", problem))
    turns, found = _turns(row.get("conversations"))
    problems += [("conversations", problem) for problem in found]
    if problems:
        return None, problems
    return Record(":".join(parts), *parts, image, turns), []


def _image_path(name: Any, image_folder: Path) -> tuple[Path, str]:
    """Where the image lies, and what is wrong with its name ("" if nothing)."""
    if not isinstance(name, str) or not name:
        return image_folder, f"must be a path below the image folder, found {name!r}"
    path = PurePosixPath(name)
    if path.is_absolute() or PureWindowsPath(name).is_absolute() or ".." in path.parts:
        return image_folder, f"must be relative to the image folder and stay in it, found {name!r}"
    if not (image_folder / path).is_file():
        return image_folder, f"no such file {image_folder / path}"
    return image_folder / path, ""


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
        elif not isinstance(turn.get("value"), str) or not turn["value"].replace(IMAGE, "").strip():
            problems.append(f"turn {i} ({role}) is empty")
        else:
            images = turn["value"].count(IMAGE)
            if images != (i == 0):
                problems.append(f"turn {i} holds {IMAGE} {images} times, must be {'once' if i == 0 else 'never'}")
            if END in turn["value"]:
                problems.append(f"turn {i} holds the control token {END}")
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


# Split, summary and batches -------------------------------------------------------------------------------------------


def split_by_dialogue(records: Sequence[Record], share: float, seed: int) -> tuple[Indices, Indices]:
    """Indices to train on and indices held out: no dialogue stands in both, neither is empty unless `share` is 0."""
    dialogues = sorted({record.dialogue for record in records})
    if not share:
        return tuple(range(len(records))), ()
    if len(dialogues) < 2:
        raise ValueError("holding out needs two dialogues or more, found one; set held_out 0 or bring more data")
    random.Random(seed_for("split", seed)).shuffle(dialogues)
    kept_back = set(dialogues[: min(len(dialogues) - 1, max(1, round(share * len(dialogues))))])
    held_out = tuple(i for i, record in enumerate(records) if record.dialogue in kept_back)
    return tuple(i for i, record in enumerate(records) if record.dialogue not in kept_back), held_out


def summary(data: TrainingSet) -> pd.DataFrame:
    """What the set holds, a row a kind: records, dialogues, tokens (with the image's) and answer tokens."""
    rows = []
    held_out = set(data.held_out)
    for kind in sorted({record.kind for record in data.records}):
        at = [i for i, record in enumerate(data.records) if record.kind == kind]
        tokens = pd.Series([len(data.tokens[i]) for i in at])
        answers = pd.Series([sum(label != IGNORED for label in data.tokens[i].labels) for i in at])
        rows.append(
            {
                "kind": kind,
                "records": len(at),
                "held out": sum(i in held_out for i in at),
                "dialogues": len({data.records[i].dialogue for i in at}),
                "turns a dialogue": round(len(at) / len({data.records[i].dialogue for i in at}), 1),
                "tokens, median": int(tokens.median()),
                "tokens, most": int(tokens.max()),
                "answer tokens, median": int(answers.median()),
            }
        )
    return pd.DataFrame(rows).set_index("kind")


def lengths(data: TrainingSet) -> pd.DataFrame:
    """A row a record: kind and tokens (with the image's)."""
    return pd.DataFrame({"kind": [r.kind for r in data.records], "tokens": [len(t) for t in data.tokens]})


def batches(indices: Sequence[int], lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """One epoch's batches: shuffled, then grouped by length, so that little padding is computed.

    Examples are shuffled into groups of 50 batches, sorted by length within each, cut, and the batches shuffled
    again. The order depends on `seed` and `epoch` alone. The first batch is the one with the longest example, so
    that a batch that does not fit the memory is met at once.
    """
    shuffle = random.Random(seed_for("batches", seed, epoch))
    length_of = dict(zip(indices, lengths, strict=True))
    order = list(indices)
    shuffle.shuffle(order)
    cut = []
    for start in range(0, len(order), 50 * batch_size):
        group = sorted(order[start : start + 50 * batch_size], key=lambda i: -length_of[i])
        cut += [group[i : i + batch_size] for i in range(0, len(group), batch_size)]
    shuffle.shuffle(cut)
    longest = max(range(len(cut)), key=lambda b: max(length_of[i] for i in cut[b]))
    cut[0], cut[longest] = cut[longest], cut[0]
    return cut


class BatchLoader(torch.utils.data.Dataset):
    """Loads the batches of an epoch from disk, `workers` processes ahead of the training (0: in this process)."""

    def __init__(self, data: TrainingSet, llava: Llava, plan: Sequence[Sequence[int]]) -> None:
        self.data, self.plan = data, plan
        self.pixels, self.pad = llava.pixel_values, llava.tokenizer.pad_token_id

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        indices = self.plan[number]
        images = []
        for i in indices:
            with Image.open(self.data.records[i].image) as image:
                images.append(image.convert("RGB"))
        return collate([self.data.tokens[i] for i in indices], self.pixels(images), self.pad)

    def read(self, workers: int) -> Iterable[Batch]:
        """The batches in order."""
        return torch.utils.data.DataLoader(self, batch_size=None, num_workers=workers)
