"""Checks a training set as its reader gets it: with the project's own reader, from the files alone."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mirror.building.training_set.options import RecordOptions
from mirror.files.csv_file import unescape_cell
from mirror.files.digests import DIGESTS, file_names, folder_faults
from mirror.files.json_file import read_json
from mirror.paths import display_path
from mirror.prompts import VARIANTS, PromptSet, Variant, parse_dialogue
from mirror.training.prompt_induction import induce
from mirror.training.records import Record, read_records
from mirror.transcripts.profile import read_profiles

SET = "set.json"
CARD = "README.md"
IMAGES = "images"
TEST_TABLE = "test.csv"
TEST_IMAGES = "test_images"
DIALOGUES = "dialogues.csv"
DROPPED = "dropped.csv"
DIALOGUE_COLUMNS = ("idx", "client", "split", "resistance", "portrait", "person", "technique", "turns", "words")
SHOWN = 20  # faults that a message lists
_LIST = re.compile(r"\n[ \t]*[-*•–][ \t]")

Turn = tuple[str, str]  # dialogue and turn


class SetError(ValueError):
    """A training set with faults. The message lists the first 20; `faults` holds all."""

    def __init__(self, folder: Path, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        more = [f"and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        head = f"{display_path(folder)}: the training set has {len(faults)} faults"
        super().__init__("\n".join([head, *(f"- {fault}" for fault in faults[:SHOWN]), *more]))


def records_file(cot: str) -> str:
    """Return the name of the records of a variant."""
    return f"mirror_{cot}.json"


@dataclass(frozen=True)
class _File:
    """The records of one variant as read, with the prompts induced from them."""

    variant: Variant
    records: list[Record]
    prompts: PromptSet

    @property
    def name(self) -> str:
        return records_file(self.variant.name)

    def of_kind(self, kind: str) -> dict[Turn, Record]:
        """Return the records of a kind by dialogue and turn."""
        return {(record.dialogue, record.turn): record for record in self.records if record.kind == kind}

    def values(self, record: Record) -> dict[str, str] | None:
        """Return the fields of a record's prompt; None if no template reproduces it."""
        read = (counted.template.parse(record.turns[0][0]) for counted in self.prompts.templates[record.kind])
        return next((values for values in read if values is not None), None)

    def is_odd(self, record: Record) -> bool:
        """Whether no template fits a prompt, or one does with a list inside a field that is none elsewhere."""
        values = self.values(record)
        return values is None or any(
            _LIST.search(text) for name, text in values.items() if name not in ("dialogue", "plan")
        )

    def fields(self, record: Record) -> dict[str, str]:
        """Return the fields of a record's prompt; empty if no template reproduces it."""
        return self.values(record) or {}


def check_set(folder: Path, window: int | None = None, shown: Path | None = None) -> pd.DataFrame:
    """Check a written set completely, down to the pixels of every picture.

    Every file is as its digest says and none is missing or added; every record can be read; every prompt is reproduced
    by the templates that training will induce; the four files hold the same turns with the same answers, pictures and
    utterances; a picture is named by its dialogue, turn and portrait and belongs to a record; prompts hold no more
    utterances than the window, and end with the ones that the answers before them are; captions are the emotional
    states of the replies; test clients can be read, and neither they nor their persons occur in the records.

    Args:
        folder: the set's folder.
        window: the most utterances in a prompt; None takes what `set.json` says.
        shown: what messages call the folder, if it is not at its place yet.

    Returns:
        One row per file and kind of record: file, kind, records, dialogues, templates, reproduced (share, 1.0).

    Raises:
        SetError: with all faults.
    """
    facts, faults = _facts(folder)
    if faults:
        raise SetError(shown or folder, faults)
    faults += folder_faults(folder, thorough=True)
    listed = read_json(folder / DIGESTS)
    present = file_names(folder, subfolders=True)
    faults += [f"{name} is not in {DIGESTS}" for name in present if name not in listed]
    table = _dialogues(folder / DIALOGUES)
    files: list[_File] = []
    for cot in VARIANTS:
        try:
            records, problems, _ = read_records(folder / records_file(cot), folder / IMAGES)
        except ValueError as error:
            faults.append(str(error))
            continue
        faults += [f"{records_file(cot)}: {problem}" for problem in problems]
        files.append(_File(Variant.of(cot), records, induce((r.kind, r.turns[0][0]) for r in records)))
    for file in files:
        faults += _prompt_faults(file, window or facts["window"])
        faults += _image_faults(file, folder / IMAGES, facts["image_name"], table)
    faults += _difference_faults(files)
    faults += _unused_pictures(files, [name for name in present if name.startswith(f"{IMAGES}/")])
    faults += _split_faults(folder, files, table)
    if faults:
        raise SetError(shown or folder, list(dict.fromkeys(faults)))
    return pd.DataFrame([row for file in files for row in _rows(file)])


def _facts(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the values of `set.json`, and what is wrong with the files that say what the set is."""
    missing = [name for name in (SET, DIGESTS, DIALOGUES) if not (folder / name).is_file()]
    if missing:
        return {}, [f"{name} is missing, so this is no complete training set; build it again" for name in missing]
    try:
        facts = read_json(folder / SET)
        read_json(folder / DIGESTS)
    except ValueError as error:
        return {}, [str(error)]
    if not isinstance(facts.get("window"), int) or not isinstance(facts.get("image_name"), str):
        return {}, [f"{SET} must name window and image_name; build the set again"]
    try:
        RecordOptions(window=facts["window"], image_name=facts["image_name"], prompts={})
    except ValueError as error:
        return {}, [f"{SET}: {error}"]
    try:
        if (columns := _columns(folder / DIALOGUES)) == DIALOGUE_COLUMNS:
            _dialogues(folder / DIALOGUES)
    except (ValueError, csv.Error) as error:  # of pandas too
        return {}, [f"{DIALOGUES} cannot be read ({' '.join(str(error).split()):.200}); build the set again"]
    if columns != DIALOGUE_COLUMNS:
        return {}, [f"{DIALOGUES} must have the columns {', '.join(DIALOGUE_COLUMNS)}; build the set again"]
    return facts, []


def _columns(path: Path) -> tuple[str, ...]:
    """The names in the first row; pandas takes long to read very many."""
    with open(path, encoding="utf-8", newline="") as file:
        return tuple(next(csv.reader(file), ()))


def _dialogues(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False).map(unescape_cell)


def _rows(file: _File) -> Iterator[dict[str, Any]]:
    for kind, count in file.prompts.records.items():
        yield {
            "file": file.name,
            "kind": kind,
            "records": count,
            "dialogues": len({record.dialogue for record in file.records if record.kind == kind}),
            "templates": len(file.prompts.templates[kind]),
            "reproduced": file.prompts.share[kind],
        }


# Faults of a file -----------------------------------------------------------------------------------------------------


def _prompt_faults(file: _File, window: int) -> Iterator[str]:
    """Compare the prompts of a file with the templates, the window, and the answers that they repeat."""
    for kind, share in file.prompts.share.items():
        if share < 1:
            odd = [record.name for record in file.records if record.kind == kind and file.is_odd(record)]
            yield (
                f"{file.name}: {share:.3%} of the prompts of kind {kind} are reproduced by a template, must be all; "
                f"mend or leave out the texts of, for example, {', '.join(odd[:3]) or 'profiles of several lines'}"
            )
    replies, captions = file.of_kind("response"), file.of_kind("emotion_recognition")
    for kind in ("response", "planning"):
        for (dialogue, turn), record in file.of_kind(kind).items():
            fields = file.fields(record)
            try:
                spoken = parse_dialogue(fields.get("dialogue", ""))
            except ValueError as error:
                yield f"{file.name}: {record.name}: {error}"
                continue
            if len(spoken) > window:
                yield f"{file.name}: {record.name}: shows {len(spoken)} utterances, the window is {window}"
            said = replies.get((dialogue, str(int(turn) - 2)) if turn.isdecimal() else ("", ""))
            words = [text.strip() for role, text in spoken if role == "therapist"]
            if said and len(spoken) > 1 and words[-1:] != [said.turns[0][1]]:
                yield f"{file.name}: {record.name}: does not show the reply of turn {said.turn} before it"
            cue = captions.get((dialogue, turn))
            state = fields.get("client_emotional_state")
            if cue and state is not None and state != cue.turns[0][1]:
                yield f"{file.name}: {record.name}: its emotional state is not the caption of the same turn"


def _image_faults(file: _File, images: Path, pattern: str, table: pd.DataFrame) -> Iterator[str]:
    """Compare the pictures of a file's records with the names that dialogue, turn and portrait give them."""
    trained = table[table["split"] == "train"]
    portraits = dict(zip(trained["idx"], trained["portrait"], strict=True))
    for record in file.records:
        portrait = portraits.get(record.dialogue)
        if portrait is None or not record.turn.isdecimal():
            yield f"{file.name}: {record.name}: {DIALOGUES} has no such dialogue, or the turn is no number"
            continue
        due = images / record.dialogue / pattern.format(turn=int(record.turn) - 1, portrait=portrait)
        if record.image != due:
            yield f"{file.name}: {record.name}: image must be {due.relative_to(images)}, found {record.image.name}"
    turns = Counter(dialogue for dialogue, _ in file.of_kind("response"))
    for idx, count in zip(trained["idx"], trained["turns"], strict=True):
        if str(turns[idx]) != count:
            yield f"{file.name}: has {turns[idx]} replies of {idx}, {DIALOGUES} says {count}"


# Faults between files -------------------------------------------------------------------------------------------------


def _difference_faults(files: Sequence[_File]) -> Iterator[str]:
    """Compare the files with the first: the same turns, answers, pictures, utterances; and a caption for each turn."""
    if not files:
        return
    first, *others = files
    replies = first.of_kind("response")
    for file in others:
        own = file.of_kind("response")
        for dialogue, turn in sorted(own.keys() ^ replies.keys()):
            has, lacks = (file, first) if (dialogue, turn) in own else (first, file)
            yield f"{lacks.name}: lacks the reply of {dialogue}, turn {turn}, which {has.name} has"
        for key in own.keys() & replies.keys():
            if _told(file, own[key]) != _told(first, replies[key]):
                yield f"{file.name}: {own[key].name}: differs from the same turn in {first.name}"
    for file in files:
        captions = file.of_kind("emotion_recognition").keys()
        due = file.of_kind("response").keys() if file.variant.ec else set()
        for dialogue, turn in sorted(captions ^ due):
            yield f"{file.name}: has a caption or a reply alone at {dialogue}, turn {turn}"
        plans = Counter(dialogue for dialogue, _ in file.of_kind("planning"))
        yield from (f"{file.name}: asks for {count} plans of {idx}" for idx, count in plans.items() if count > 1)


def _told(file: _File, record: Record) -> tuple[Any, ...]:
    """Return what a reply is in every variant: answer, picture, utterances, and who the client is."""
    fields = file.fields(record)
    shared = ("dialogue", "personal_information", "reason_for_counseling")
    return (record.turns[0][1], record.image, *(fields.get(name, "") for name in shared))


def _unused_pictures(files: Sequence[_File], pictures: Sequence[str]) -> Iterator[str]:
    used = {f"{IMAGES}/{r.image.parent.name}/{r.image.name}" for file in files for r in file.records}
    yield from (f"{name} belongs to no record" for name in pictures if name not in used)


def _split_faults(folder: Path, files: Sequence[_File], table: pd.DataFrame) -> Iterator[str]:
    """Read the test clients, and compare them and their persons with the records."""
    tested, trained = (table[table["split"] == split] for split in ("test", "train"))
    if (folder / TEST_TABLE).is_file() != bool(len(tested)):
        yield f"{TEST_TABLE} and the test clients of {DIALOGUES} do not fit; build the set again"
    elif len(tested):
        try:
            profiles = read_profiles(folder / TEST_TABLE, folder / TEST_IMAGES)
        except ValueError as error:
            yield str(error)
        else:
            if {profile.idx for profile in profiles} != set(tested["idx"]):
                yield f"{TEST_TABLE} has other clients than {DIALOGUES}"
    read = {record.dialogue for file in files for record in file.records}
    yield from (f"{idx} is a dialogue of {DIALOGUES} without records" for idx in sorted(set(trained["idx"]) - read))
    for column in ("client", "person"):
        both = sorted((set(tested[column]) & set(trained[column])) - {""})
        yield from (f"the {column} {name} is in the training records and in {TEST_TABLE}" for name in both)
