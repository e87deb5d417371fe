"""Writes the folder of a training set: records, pictures, test clients, tables, and the digests of them all.

The folder appears complete and checked, or not at all: it is written beside its place and renamed.
"""

import json
import os
import shutil
import unicodedata
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mirror.building.dropped import STEPS, Dropped, count_reasons, dropped_table
from mirror.building.screenplays import Screenplay
from mirror.building.training_set.check import (
    CARD,
    DIALOGUE_COLUMNS,
    DIALOGUES,
    DROPPED,
    IMAGES,
    SET,
    TEST_IMAGES,
    TEST_TABLE,
    SetError,
    check_set,
    records_file,
)
from mirror.building.training_set.client_table import write_clients
from mirror.building.training_set.data_card import CardFacts, write_card
from mirror.building.training_set.options import RecordOptions
from mirror.building.training_set.records import image_file, make_records, sift_turns
from mirror.files.atomic import discard, remove_scratch, write_text
from mirror.files.csv_file import csv_text
from mirror.files.digests import DIGESTS, changed_files, file_names, folder_faults, write_digests
from mirror.files.json_file import read_json, write_json
from mirror.files.lock import locked
from mirror.natural_order import natural_key
from mirror.paths import display_path
from mirror.progress_bar import progress_bar
from mirror.prompts import VARIANTS
from mirror.transcripts.profile import resistance_of

FORMAT = 1  # of `set.json`
UNTOUCHED = (".gitkeep", ".gitignore", ".DS_Store")  # files that an otherwise empty folder may have


class SetConflict(ValueError):
    """The folder holds another set, or files that are no set. Nothing was changed."""


def write_set(
    folder: Path,
    screenplays: Iterable[Screenplay],
    clients: Iterable[Screenplay],
    options: RecordOptions,
    run: str,
    dropped: Iterable[Dropped] = (),
    card: CardFacts | None = None,
    fresh: bool = False,
) -> pd.DataFrame:
    """Write and check a training set. The same content gives the same bytes, whatever the order of the arguments.

    A folder that holds the same set already stays untouched. One that this run wrote before is replaced.

    Args:
        folder: the set's folder.
        screenplays: with portraits and pictures, as `sift_screenplays` keeps them.
        clients: of the test table, as `sift_clients` keeps them; without any there is no test table.
        options: of the records.
        run: the name of the run that the set belongs to.
        dropped: what all steps left out.
        card: what the data card says beyond the counts; None for a set without a card.
        fresh: whether to replace the set of another run.

    Returns:
        The table of `check_set`.

    Raises:
        SetConflict: the folder holds another run's set (unless `fresh`), or other files.
        SetError: the set has faults; the folder was not changed.
        FolderInUse: another process writes the folder.
    """
    ordered, tested, left_out = by_idx(screenplays), by_idx(clients), in_order(dropped)
    if faults := [*_idx_faults(ordered), *([] if ordered else [_nothing(left_out)])]:
        raise SetError(folder, faults)
    with locked(folder, "building the set"):
        _require_replaceable(folder)
        remove_scratch(folder, "building-*")
        scratch = folder.with_name(f".{folder.name}.building-{uuid.uuid4().hex}")
        try:
            counts = _write(scratch, ordered, tested, options)
            write_text(scratch / DROPPED, csv_text(dropped_table(left_out)))
            if card:
                table = dialogue_table(ordered, tested, options)
                write_text(scratch / CARD, write_card(card, counts, table, left_out))
            write_json(scratch / SET, _facts(options, run))
            write_digests(scratch, subfolders=True)
            checked = check_set(scratch, shown=folder)
            _put(scratch, folder, run, fresh)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return checked


def _nothing(dropped: Sequence[Dropped]) -> str:
    """Say that there is no dialogue, and why they were left out."""
    counts = count_reasons([one for one in dropped if one.what == "dialogue"])
    reasons = ", ".join(f"{row.step}: {row.reason} {row.count}" for row in counts.itertuples(index=False, name="Row"))
    return f"there is no dialogue to write; left out were {reasons or 'none'}"


def by_idx(screenplays: Iterable[Screenplay]) -> list[Screenplay]:
    """Sort by idx, numbers in it by their value: `cactus-2` before `cactus-10`."""
    return sorted(screenplays, key=lambda screenplay: natural_key(screenplay.idx))


def in_order(dropped: Iterable[Dropped]) -> list[Dropped]:
    """Sort what was left out by step, idx and line, so that it does not depend on the order of the work."""
    return sorted(
        dropped,
        key=lambda one: (
            STEPS.index(one.step),
            natural_key(one.idx),
            -1 if one.line is None else one.line,
            one.reason,
            one.detail,
        ),
    )


def dialogue_table(
    screenplays: Sequence[Screenplay], clients: Sequence[Screenplay], options: RecordOptions
) -> pd.DataFrame:
    """List who is in the set: one row per dialogue (split `train`) and test client (`test`).

    Args:
        screenplays: of the records.
        clients: of the test table.
        options: of the records.

    Returns:
        The columns idx, client, split, resistance (empty if unknown), portrait, person, technique,
        turns (with a record) and words (of the therapist in them).
    """
    rows = []
    for split, those in (("train", screenplays), ("test", clients)):
        for one in those:
            turns = sift_turns(one, options).kept if split == "train" else ()
            rows.append(
                {
                    "idx": one.idx,
                    "client": one.client,
                    "split": split,
                    "resistance": resistance_of(one.info.personality) or "",
                    "portrait": one.portrait.name if one.portrait else "",
                    "person": one.portrait.person if one.portrait else "",
                    "technique": one.technique,
                    "turns": len(turns),
                    "words": sum(len(one.lines[turn].words.split()) for turn in turns),
                }
            )
    return pd.DataFrame(rows, columns=list(DIALOGUE_COLUMNS))


# Contents -------------------------------------------------------------------------------------------------------------


def _write(
    folder: Path, screenplays: Sequence[Screenplay], clients: Sequence[Screenplay], options: RecordOptions
) -> pd.DataFrame:
    """Write pictures, records and clients into an empty folder; return the number of records by cot and kind."""
    _copy_pictures(folder / IMAGES, screenplays, options)
    counts = [
        {"cot": cot, "kind": kind, "records": count}
        for cot in VARIANTS
        for kind, count in sorted(_write_records(folder / records_file(cot), screenplays, cot, options).items())
    ]
    if clients:
        write_clients(clients, folder / TEST_TABLE, folder / TEST_IMAGES)
    write_text(folder / DIALOGUES, csv_text(dialogue_table(screenplays, clients, options)))
    return pd.DataFrame(counts)


def _copy_pictures(images: Path, screenplays: Sequence[Screenplay], options: RecordOptions) -> None:
    """Copy every picture under the name that its records give it. Copies: a later change of a source is no change."""
    with progress_bar("pictures", "dialogues", len(screenplays)) as bar:
        for screenplay in screenplays:
            (images / screenplay.idx).mkdir(parents=True)
            for turn in sift_turns(screenplay, options).kept:
                name = image_file(screenplay, turn - 1, options)
                try:
                    shutil.copyfile(screenplay.pictures[turn - 1], images / name)
                except OSError as error:
                    source = display_path(screenplay.pictures[turn - 1])
                    raise SetError(images.parent, [f"{name}: {source} cannot be copied ({error.strerror})"]) from None
            bar.update()


def _write_records(path: Path, screenplays: Sequence[Screenplay], cot: str, options: RecordOptions) -> Counter[str]:
    """Write the records of a variant as one JSON list, a dialogue at a time: all of them may not fit in memory.

    Returns:
        The number of records of each kind.
    """
    counts: Counter[str] = Counter()
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        before = "[\n "
        for screenplay in screenplays:
            for record in make_records(screenplay, cot, options):
                counts[record["question_id"].rsplit(":", 1)[1]] += 1
                file.write(before + json.dumps(record, indent=1, ensure_ascii=False).replace("\n", "\n "))
                before = ",\n "
        file.write("\n]\n")
        file.flush()
        os.fsync(file.fileno())
    return counts


def _facts(options: RecordOptions, run: str) -> dict[str, Any]:
    """Return what `set.json` says: whose set it is, and how its records were written."""
    return {
        "format": FORMAT,
        "run": run,
        "window": options.window,
        "image_name": options.image_name,
        "plan_records": options.plan_records,
        "plan_when_silent": options.plan_when_silent,
        "prompts_sha256": {cot: options.prompts[cot].sha256 for cot in VARIANTS},
    }


def _idx_faults(screenplays: Sequence[Screenplay]) -> list[str]:
    """Return what forbids to name folders after the dialogues."""
    faults, seen = [], dict[str, str]()
    for idx in (screenplay.idx for screenplay in screenplays):
        if not idx.isprintable() or idx != idx.strip() or idx.startswith(".") or not idx or set(idx) & set("/\\"):
            faults.append(f"idx must be usable as the name of a folder, found {idx!r:.80}")
        first = seen.setdefault(unicodedata.normalize("NFC", idx).casefold(), idx)
        if first is not idx:
            faults.append(f"idx {idx!r:.80} names the same folder as {first!r:.80}; give every dialogue its own")
    return faults


# The place ------------------------------------------------------------------------------------------------------------


def _require_replaceable(folder: Path) -> None:
    """Refuse a folder with files that no build wrote."""
    if not folder.exists():
        return
    if not (folder / SET).is_file():
        found = sorted(path.name for path in folder.iterdir() if path.name not in UNTOUCHED)
        problem = f"contains {found[0]} but no {SET}, so it is no built training set" if found else ""
    elif not (folder / DIGESTS).is_file():
        raise SetConflict(
            f"{display_path(folder / DIGESTS)} is missing, so it is not known which files belong to the set; restore "
            "it, move the folder away, or give the set another one"
        )
    else:
        written = read_json(folder / DIGESTS)
        strange = [name for name in file_names(folder, subfolders=True) if name not in written]
        problem = f"contains {strange[0]}, which does not belong to the set" if strange else ""
    if problem:
        raise SetConflict(f"{display_path(folder)} {problem}; move it away, or give the set another folder")


def _put(scratch: Path, folder: Path, run: str, fresh: bool) -> None:
    """Give the new set its name, unless the same one stands there."""
    if (folder / SET).is_file():
        owner = read_json(folder / SET).get("run")
        if _is_same(folder, scratch, apart_from=() if owner == run else (SET,)):
            return
        if owner != run and not fresh:
            if damage := changed_files(folder, [folder / SET]):
                raise SetConflict(f"{damage[folder / SET]}; restore it, or replace the set: -p fresh True")
            raise SetConflict(
                f"{display_path(folder)} holds another set, of the run {owner!r}; give this set another folder, "
                "continue that run, or replace its set: -p fresh True"
            )
    discard(folder)
    os.replace(scratch, folder)


def _is_same(folder: Path, other: Path, apart_from: Sequence[str]) -> bool:
    """Whether two sets have the same files, and the first is as it was written."""
    if not (folder / DIGESTS).is_file() or folder_faults(folder, thorough=True):
        return False
    first, second = (
        {name: entry for name, entry in read_json(place / DIGESTS).items() if name not in apart_from}
        for place in (folder, other)
    )
    return first == second
