"""The training set: its records tokenized, split by dialogue, cut into batches of random examples.

Knows nothing of models; a `Llava` is passed in for its tokenizer and image processor.
"""

import logging
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd
import torch

from mirror.files.image_file import open_picture
from mirror.models.llava import Llava, pixel_values
from mirror.models.llava_chat import IGNORED, Tokens, tokenize
from mirror.prompts import PromptSet, completed, lacking
from mirror.seeds import seed_for
from mirror.training.derivation import NotDerivable, derive
from mirror.training.prompt_induction import induce
from mirror.training.records import DataError, Fault, Record, not_found_fields, read_records
from mirror.training.step import Batch, collate

log = logging.getLogger(__name__)

Indices = tuple[int, ...]


@dataclass(frozen=True)
class TrainingSet:
    """Checked and tokenized records, those trained on and those held out, and what was dropped.

    `derived` says what was taken out of the records to make them those of the variant, one sentence per change.
    """

    records: tuple[Record, ...]
    tokens: tuple[Tokens, ...]
    train: Indices
    held_out: Indices
    faults: tuple[Fault, ...]
    derived: tuple[str, ...] = ()

    def lengths(self, indices: Iterable[int]) -> list[int]:
        return [len(self.tokens[i]) for i in indices]


def load_training_set(
    file: Path,
    image_folder: Path,
    llava: Llava,
    max_length: int,
    held_out: float,
    on_fault: str,
    seed: int,
    cot: str = "ec_planning",
) -> TrainingSet:
    """The whole training set, ready to train on. Raises DataError with all faults at once unless `on_fault` is drop.

    `held_out` is the share of dialogues (not of examples) kept for validation, drawn from `seed`. Where the file is of
    a richer variant than `cot`, its records are derived (`mirror.training.derivation`).
    """
    records, faults, count = read_records(file, image_folder)
    try:
        derivation = derive(records, cot)
    except NotDerivable as error:
        advice = f"bring a set of the variant {cot}"
        raise DataError(file, [Fault("all", "conversations", f"no set of {cot}: {error}")], count, advice) from None
    records, faults = derivation.records, faults + derivation.faults
    tokens = [tokenize(llava.tokenizer, r.turns, llava.image_token_id, llava.image_tokens) for r in records]
    too_long = {i for i, t in enumerate(tokens) if len(t) > max_length}
    faults += [
        Fault(records[i].name, "conversations", f"{len(tokens[i])} tokens with the image, max_length is {max_length}")
        for i in sorted(too_long)
    ]
    if faults and on_fault == "refuse":
        raise DataError(file, faults, count, "mend them, or drop these records and count them: -p on_fault drop")
    kept = [i for i in range(len(records)) if i not in too_long]
    if not kept:
        raise DataError(file, [*faults, Fault("all", "records", "none is left to train on")], count)
    records, tokens = [records[i] for i in kept], [tokens[i] for i in kept]
    train, validation = split_by_dialogue(records, held_out, seed)
    return TrainingSet(tuple(records), tuple(tokens), train, validation, tuple(faults), derivation.changes)


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


def find_prompts(data: TrainingSet, cot: str) -> PromptSet:
    """The prompts that the records have, completed by our own where the variant needs one that no record has.

    Both are said in the log: what was completed, and what a counselor of this variant will lack all the same.
    """
    found = induce((record.kind, record.turns[0][0]) for record in data.records)
    prompts = completed(found, cot)
    for kind in prompts.templates.keys() - found.templates.keys():
        log.warning("no record of kind %s: the project's own prompt takes its place when the model counsels", kind)
    for fault in lacking(prompts, cot):
        log.warning("no counselor of cot %s can be made of these data: %s", cot, fault)
    return prompts


def summary(data: TrainingSet) -> pd.DataFrame:
    """What the set holds, one row per kind: records, dialogues, tokens (with the image's) and answer tokens.

    Where the data has profile fields that read "Not found", a column counts the records with one.
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
    """A row a record: kind and tokens (with the image's)."""
    return pd.DataFrame({"kind": [r.kind for r in data.records], "tokens": [len(t) for t in data.tokens]})


def records_to_show(data: TrainingSet, number: int, seed: int) -> list[Record]:
    """Held-out records for reading, at most `number`: each of another dialogue, kinds and turns varied."""
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
    """One epoch's effective batches: random examples, so that every kind of record weighs in a step what it is.

    Length plays no part here; it orders the micro-batches inside an effective batch (`mirror.training.step`), as in the
    published trainer. The batches' sizes differ by one at most: in a small last batch, few examples would have a whole
    step to themselves. The order depends on `seed` and `epoch` alone. In the first epoch, the first batch holds the
    longest example, so that one which does not fit the memory is met at once; all others stay where chance put them.
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


class BatchLoader(torch.utils.data.Dataset):
    """Loads the batches of an epoch from disk, `workers` processes ahead of the training (0: in this process)."""

    def __init__(self, data: TrainingSet, llava: Llava, plan: Sequence[Sequence[int]]) -> None:
        self.data, self.plan = data, plan
        # Not the Llava itself: what goes to a worker process is copied.
        self.image_processor, self.pad = llava.processor.image_processor, llava.tokenizer.pad_token_id

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, number: int) -> Batch:
        indices = self.plan[number]
        images = [open_picture(self.data.records[i].image) for i in indices]
        return collate([self.data.tokens[i] for i in indices], pixel_values(self.image_processor, images), self.pad)

    def read(self, workers: int) -> Iterable[Batch]:
        """The batches in order."""
        return torch.utils.data.DataLoader(self, batch_size=None, num_workers=workers)
