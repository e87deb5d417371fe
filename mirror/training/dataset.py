"""The training set: tokenized records, split by dialogue into training and held-out data, grouped into random batches.

A `Vlm` is passed in for its tokenizer and image processor; the model itself is not used.
"""

import logging
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from pathlib import Path

import pandas as pd
import torch

from mirror.files.digests import DIGESTS, changed_files
from mirror.files.image_file import open_picture
from mirror.models.families.vlm import Vlm
from mirror.models.llava_chat import IGNORED, Tokens
from mirror.paths import display_path
from mirror.prompts import PromptSet, completed, lacking
from mirror.seeds import seed_for
from mirror.training.batch import Batch, collate
from mirror.training.prompt_induction import induce
from mirror.training.records import Record, not_found_fields, read_records
from mirror.training.records.derivation import NotDerivable, derive
from mirror.training.records.faults import DataError, RecordFault

log = logging.getLogger(__name__)

Indices = tuple[int, ...]


@dataclass(frozen=True)
class TrainingSet:
    """Checked and tokenized records.

    Attributes:
        records: in the order of the file.
        tokens: of each record.
        train: indices of the records to train on.
        held_out: indices of the records of held-out dialogues.
        faults: why records were dropped.
        derived: what was removed from the records of a richer variant, one sentence per change.
    """

    records: tuple[Record, ...]
    tokens: tuple[Tokens, ...]
    train: Indices
    held_out: Indices
    faults: tuple[RecordFault, ...]
    derived: tuple[str, ...] = ()

    def lengths(self, indices: Iterable[int]) -> list[int]:
        """Tokens of each of the records, with the image's."""
        return [len(self.tokens[i]) for i in indices]


def load_training_set(
    file: Path,
    image_folder: Path,
    llava: Vlm,
    max_length: int,
    held_out: float,
    on_fault: str,
    seed: int,
    cot: str = "ec_planning",
) -> TrainingSet:
    """Read, check, tokenize and split a training set.

    Args:
        file: in the published JSON format, of the variant `cot` or a richer one (see `records.derivation`).
        image_folder: that the image paths in the file are relative to.
        llava: for its tokenizer.
        max_length: in tokens, with the image's; a longer record is a fault.
        held_out: share of the dialogues (not of the records) kept for validation, 0…0.5.
        on_fault: `refuse` to raise for faulty records, `drop` to leave them out.
        seed: of the split.
        cot: the variant to train.

    Raises:
        DataError: the file cannot be read, or was changed since a build wrote it; no record is valid, or records have
            faults and `on_fault` is `refuse`. It holds all faults.
        ValueError: dialogues are to be held out, and there is only one.
    """
    records, faults, count = _read_as_written(file, image_folder)
    try:
        derivation = derive(records, cot)
    except NotDerivable as error:
        advice = f"use a training set of the variant {cot}"
        raise DataError(
            file, [RecordFault("all", "conversations", f"no set of {cot}: {error}")], count, advice
        ) from None
    records, faults = derivation.records, faults + derivation.faults
    size_of = cache(lambda path: open_picture(path).size)
    tokens = [llava.tokenize(record.turns, partial(size_of, record.image)) for record in records]
    too_long = {i for i, t in enumerate(tokens) if len(t) > max_length}
    faults += [
        RecordFault(
            records[i].name, "conversations", f"{len(tokens[i])} tokens with the image, max_length is {max_length}"
        )
        for i in sorted(too_long)
    ]
    if faults and on_fault == "refuse":
        raise DataError(file, faults, count, "fix them, or drop and count these records: -p on_fault drop")
    kept = [i for i in range(len(records)) if i not in too_long]
    if not kept:
        raise DataError(file, [*faults, RecordFault("all", "records", "none is left for training")], count)
    records, tokens = [records[i] for i in kept], [tokens[i] for i in kept]
    train, validation = split_by_dialogue(records, held_out, seed)
    return TrainingSet(tuple(records), tuple(tokens), train, validation, tuple(faults), derivation.changes)


def _read_as_written(file: Path, image_folder: Path) -> tuple[list[Record], list[RecordFault], int]:
    """Read the records; in the folder of a built set, a file and images that were changed since are faults."""
    if file.is_file() and (changed := _changed(file, [file])):
        raise _not_as_written(file, changed[file])
    records, faults, count = read_records(file, image_folder)
    images = _changed(file, sorted({record.image for record in records}))
    faults += [RecordFault(r.name, "image", images[r.image]) for r in records if r.image in images]
    return [record for record in records if record.image not in images], faults, count


def _changed(file: Path, paths: Collection[Path]) -> dict[Path, str]:
    try:
        return changed_files(file.parent, paths)
    except ValueError as error:  # the digests are damaged
        raise _not_as_written(file, str(error)) from None


def _not_as_written(file: Path, fault: str) -> DataError:
    digests = display_path(file.parent / DIGESTS)
    advice = f"restore it, or build the set again; if the change was intended, remove {digests}"
    return DataError(file, [RecordFault("file", "digest", fault)], 0, advice)


# Split, summary and batches -------------------------------------------------------------------------------------------


def split_by_dialogue(records: Sequence[Record], share: float, seed: int) -> tuple[Indices, Indices]:
    """Split records so that no dialogue is in both parts.

    Args:
        records: of at least two dialogues, unless `share` is 0.
        share: of the dialogues to hold out, at least one if it is above 0.
        seed: of the split.

    Returns:
        Indices to train on and indices held out; neither is empty unless `share` is 0.

    Raises:
        ValueError: there is only one dialogue to split.
    """
    dialogues = sorted({record.dialogue for record in records})
    if not share:
        return tuple(range(len(records))), ()
    if len(dialogues) < 2:
        raise ValueError("holding out needs at least two dialogues, found one; set held_out 0 or use more data")
    random.Random(seed_for("split", seed)).shuffle(dialogues)
    kept_back = set(dialogues[: min(len(dialogues) - 1, max(1, round(share * len(dialogues))))])
    held_out = tuple(i for i, record in enumerate(records) if record.dialogue in kept_back)
    return tuple(i for i, record in enumerate(records) if record.dialogue not in kept_back), held_out


def find_prompts(data: TrainingSet, cot: str) -> PromptSet:
    """The prompt templates found in the records, completed by the project's own where the variant needs others.

    Logs a warning for each template that was added, and for what a counselor of this variant will still lack.
    """
    found = induce((record.kind, record.turns[0][0]) for record in data.records)
    prompts = completed(found, cot)
    for kind in prompts.templates.keys() - found.templates.keys():
        log.warning("no record of kind %s: the project's own prompt is used instead when the model counsels", kind)
    for fault in lacking(prompts, cot):
        log.warning("a model trained on these data cannot counsel with cot %s: %s", cot, fault)
    return prompts


def summary(data: TrainingSet) -> pd.DataFrame:
    """Numbers of records, dialogues, tokens (with the image's) and answer tokens, one row per kind of record.

    If profile fields read "Not found", a column counts the records with such a field.
    """
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
    table = pd.DataFrame(rows).set_index("kind")
    of_kind = {kind: [record for record in data.records if record.kind == kind] for kind in table.index}
    not_found = [not_found_fields(records) for records in of_kind.values()]
    return table.assign(**{"a field Not found": not_found}) if any(not_found) else table


def lengths(data: TrainingSet) -> pd.DataFrame:
    """Kind and tokens (with the image's), one row per record."""
    return pd.DataFrame({"kind": [r.kind for r in data.records], "tokens": [len(t) for t in data.tokens]})


def records_to_show(data: TrainingSet, number: int, seed: int) -> list[Record]:
    """At most `number` held-out records for reading, each of another dialogue and of varied kinds and turns.

    They are training records if nothing is held out.
    """
    indices = data.held_out or data.train
    order = sorted(indices, key=lambda i: seed_for("shown", seed, data.records[i].id))
    chosen: dict[str, Record] = {}
    kinds = sorted({record.kind for record in data.records}, reverse=True)
    while len(chosen) < number:
        before = len(chosen)
        for kind in kinds:
            seen = {record.turn for record in chosen.values() if record.kind == kind}
            left = [r for r in map(data.records.__getitem__, order) if r.kind == kind]
            left = sorted((r for r in left if r.dialogue not in chosen), key=lambda r: r.turn in seen)
            if left:
                chosen[left[0].dialogue] = left[0]
        if len(chosen) == before:
            break
    return list(chosen.values())[:number]


def batches(indices: Sequence[int], lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """The effective batches of one epoch, in random order, so that each kind of record has its share of every step.

    Examples are not grouped by length; within an effective batch, micro-batches are (`mirror.training.batch`), as in
    the published trainer. Batch sizes differ by at most one, because the few examples of a small last batch would get
    the weight of a whole step. The order depends only on `seed` and `epoch`. In the first epoch the longest example is
    swapped into the first batch, so that an example that does not fit into memory is noticed at once.

    Args:
        indices: of the training examples.
        lengths: tokens of each example.
        batch_size: largest effective batch.
        seed: of the order.
        epoch: from 0.
    """
    order = list(indices)
    random.Random(seed_for("batches", seed, epoch)).shuffle(order)
    if epoch == 0:
        length_of = dict(zip(indices, lengths, strict=True))
        longest = max(range(len(order)), key=lambda place: length_of[order[place]])
        order[0], order[longest] = order[longest], order[0]
    steps = -(-len(order) // batch_size)
    ends = [len(order) * number // steps for number in range(steps + 1)]
    return [order[start:end] for start, end in pairwise(ends)]


class BatchLoader(torch.utils.data.Dataset[Batch]):
    """Loads the images of batches from disk and builds the tensors."""

    def __init__(self, data: TrainingSet, llava: Vlm, plan: Sequence[Sequence[int]]) -> None:
        """Take the data; nothing is loaded yet.

        Args:
            data: that the batches are from.
            llava: for its image processor.
            plan: indices into the data, one list per batch; a list may be empty.
        """
        self.data, self.plan = data, plan
        # Not the model itself: everything here is copied to the worker processes.
        self.read_images, self.pad = llava.read_images, llava.pad

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        indices = self.plan[number]
        if not indices:
            return Batch.empty()
        images = [open_picture(self.data.records[i].image) for i in indices]
        return collate([self.data.tokens[i] for i in indices], self.read_images(images), self.pad)

    def read(self, workers: int) -> Iterable[Batch]:
        """Load the batches in order, in `workers` processes ahead of training; 0 loads in this process."""
        return torch.utils.data.DataLoader(self, batch_size=None, num_workers=workers)
