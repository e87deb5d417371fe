"""Returned forms: checks them, and writes their answers to the rated runs as ratings of kind `human`.

Every returned file is kept in the study's `returned/`. Ratings are only ever appended, and what is already there is not
written again.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from mirror.files.atomic import write_bytes, write_text
from mirror.files.csv_file import csv_text
from mirror.files.digests import sha256
from mirror.files.json_lines import append_line, read_lines
from mirror.files.lock import locked
from mirror.paths import display_path
from mirror.rating.forms.answers import Answers, AnswersError, answer_faults, read_answers, unanswered
from mirror.rating.forms.exchange.csv_form import answers_table, read_csv_answers
from mirror.rating.forms.exchange.label_studio import read_label_studio
from mirror.rating.forms.exchange.qualtrics import read_qualtrics
from mirror.rating.forms.key import Key, KeyFileError, Part, read_key
from mirror.rating.ratings import FILE, RatingRecord
from mirror.rating.revision.versions import Version, changed
from mirror.rating.revision.withdrawal import Withdrawn, withdraw, withdrawn

RETURNED = "returned"
Source = Literal["form", "csv", "label-studio", "qualtrics"]
READERS: Mapping[Source, Callable[[Path, Key], list[Answers]]] = {
    "form": lambda path, key: [read_answers(path)],
    "csv": read_csv_answers,
    "label-studio": read_label_studio,
    "qualtrics": read_qualtrics,
}


@dataclass(frozen=True)
class Returned:
    """What became of one form in a returned file.

    Attributes:
        path: the file.
        form, rater: empty if the file could not be read.
        written: the number of sessions (or turns) whose ratings were written; 0 if all were there.
        missing: items without an answer, one phrase per session or turn.
        faults: why nothing of it was imported; empty if it was.
    """

    path: Path
    form: str = ""
    rater: str = ""
    written: int = 0
    missing: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def import_files(study: Path, paths: Sequence[Path], source: Source = "form", replace: bool = False) -> list[Returned]:
    """Imports returned files, each form wholly or not at all; a faulty one does not keep others from being imported.

    Args:
        study: the folder of the study.
        paths: the returned files.
        source: their format.
        replace: whether answers replace other answers that the same rater gave before.

    Returns:
        One entry per form, in the order of the files.

    Raises:
        KeyFileError: the study's key is missing or damaged.
        JsonLinesError: the ratings of a run are damaged.
        FolderInUse: another process is writing to one of the runs.
    """
    key = read_key(study)
    folders = sorted({key.run_folder(code) for code in key.sessions})
    results = []
    with ExitStack() as locks:
        for folder in folders:
            locks.enter_context(locked(folder, "importing ratings"))
        for path in paths:
            results += _import_file(study, path, source, key, replace)
        _write_table(study, key, folders)
    return results


def _import_file(study: Path, path: Path, source: Source, key: Key, replace: bool) -> list[Returned]:
    try:
        given = READERS[source](path, key)
    except AnswersError as error:
        return [Returned(path, faults=tuple(str(error).splitlines()))]
    content = path.read_bytes()
    write_bytes(study / RETURNED / f"{hashlib.sha256(content).hexdigest()[:12]}{path.suffix}", content)
    return [_import_form(study, path, answers, key, replace) for answers in given]


def _import_form(study: Path, path: Path, given: Answers, key: Key, replace: bool) -> Returned:
    faults = answer_faults(given, key) or _changed_sessions(given, key) or _other_scales(key, given.form)
    faults = faults or _withdrawn(given, key)
    if not faults:
        known = {part: record for part, record in _known(study, given, key).items()}
        records = _records(study.name, given, key, known)
        differing = [] if replace else _differing(records, known)
        if differing:
            advice = "a form returned twice must agree with itself; import it with --replace if the later one counts"
            faults = [f"other answers than before to {'; '.join(differing[:10])}; {advice}"]
    if faults:
        return Returned(path, given.form, given.rater, faults=tuple(faults))
    written = 0
    for part, record in records.items():
        if part not in known or (known[part].scores, known[part].reason) != (record.scores, record.reason):
            append_line(key.run_folder(part[0]) / FILE, record)
            written += 1
    return Returned(path, given.form, given.rater, written, tuple(unanswered(given, key)))


def _changed_sessions(given: Answers, key: Key) -> list[str]:
    """Names the sessions whose transcript is not the one that was rated."""
    found = []
    for code in dict.fromkeys(code for code, _ in given.scores):
        session = key.sessions[code]
        path = key.run_folder(code) / "sessions" / session.idx / "turns.jsonl"
        if not path.is_file() or sha256(path) != session.turns_sha256:
            found.append(f"{code}: {display_path(path)} is not the transcript that was rated; restore the run")
    return found


def _withdrawn(given: Answers, key: Key) -> list[str]:
    """Says that ratings of this form were withdrawn, and where they are."""
    asked = {_asked(given.form, part) for part in key.parts(given.form)}
    folders = sorted({key.run_folder(code) for code in key.forms[given.form].codes})
    if found := [display_path(folder) for folder in folders if asked & withdrawn(folder)]:
        advice = "to count them again, remove the files ratings.withdrawn-… there"
        return [f"the ratings of {given.rater} were withdrawn from {', '.join(found)}; {advice}"]
    return []


def withdraw_rater(study: Path, rater: str) -> list[Withdrawn]:
    """Takes the ratings of one rater of a study out of its runs and out of `answers.csv`; `returned/` stays.

    Raises:
        KeyFileError: the key is missing or damaged, or the study has no such rater.
        JsonLinesError: the ratings of a run are damaged.
        FolderInUse: another process is writing to one of the runs.
    """
    key = read_key(study)
    forms = [form for form, of in key.forms.items() if of.rater == rater]
    if not forms:
        names = ", ".join(sorted({of.rater for of in key.forms.values()}))
        raise KeyFileError(f"{display_path(study)} has no rater {rater}; it has {names}")
    asked = {_asked(form, part) for form in forms for part in key.parts(form)}
    folders = sorted({key.run_folder(code) for code in key.sessions})
    found = withdraw(folders, f"human {rater}", chosen=lambda record: record.asked in asked)
    _write_table(study, key, folders)
    return found


def _other_scales(key: Key, form: str) -> list[str]:
    """Names the runs with ratings by an instrument of this name, but on another scale or of other items."""
    ends, items = (key.lowest, key.highest), frozenset(key.items)
    version = Version(key.instrument, key.instrument_sha256, ends, items, frozenset(key.reversed))
    folders = sorted({key.run_folder(code) for code in key.forms[form].codes})
    return [change.refusal for folder in folders for change in changed(folder, [version]) if change.refusal]


def _known(study: Path, given: Answers, key: Key) -> dict[Part, RatingRecord]:
    """The last rating by this rater of each part, from the runs."""
    asked = {_asked(given.form, part): part for part in key.parts(given.form)}
    found = {}
    for folder in sorted({key.run_folder(code) for code in key.forms[given.form].codes}):
        for record in read_lines(folder / FILE, RatingRecord):
            if record.kind == "human" and record.asked in asked:
                found[asked[record.asked]] = record
    return found


def _asked(form: str, part: Part) -> str:
    return hashlib.sha256(json.dumps(["form", form, *part]).encode()).hexdigest()


def _records(run: str, given: Answers, key: Key, known: Mapping[Part, RatingRecord]) -> dict[Part, RatingRecord]:
    """The ratings of every session that was begun; what was answered before and is not now is kept.

    A turn without an answer is part of it, so that its session has no score rather than one of its other turns.
    """
    begun = {code for code, _ in given.scores} | {code for code, _ in given.remarks}
    found = {}
    for part in key.parts(given.form):
        if part[0] not in begun:
            continue
        before = known.get(part)
        answers, remark = given.scores.get(part, {}), given.remarks.get(part)
        scores: dict[str, int | None] = dict.fromkeys(key.items) | (before.scores if before else {})
        scores |= {item: answer.value for item, answer in answers.items()}
        raw = {"answers": [one.model_dump() for one in answers.values()]}
        raw |= {"comments": [remark.model_dump()] if remark else []}
        found[part] = RatingRecord(
            idx=key.sessions[part[0]].idx,
            turn=part[1],
            instrument=key.instrument,
            repeat=1,
            status="rated",
            scores=scores,
            reason=remark.text if remark else before.reason if before else "",
            raw=json.dumps(raw, ensure_ascii=False),
            judge=f"human {given.rater}",
            run=run,
            asked=_asked(given.form, part),
            attempts=1,
            kind="human",
            instrument_sha256=key.instrument_sha256,
            scale=(key.lowest, key.highest),
            reversed=key.reversed,
        )
    return found


def _differing(records: Mapping[Part, RatingRecord], known: Mapping[Part, RatingRecord]) -> list[str]:
    """Names the items that were answered before and have another answer now."""
    return [
        f"{part[0]}{'' if part[1] is None else f' turn {part[1]}'} {item} ({before}, now {record.scores[item]})"
        for part, record in records.items()
        if part in known
        for item, before in known[part].scores.items()
        if before is not None and before != record.scores[item]
    ]


def _write_table(study: Path, key: Key, folders: Sequence[Path]) -> None:
    """Writes `answers.csv`: everything that was imported, by code, with times and comments."""
    latest: dict[str, dict[Part, RatingRecord]] = defaultdict(dict)
    asked = {_asked(form, part): (form, part) for form in key.forms for part in key.parts(form)}
    for folder in folders:
        for record in read_lines(folder / FILE, RatingRecord):
            if record.kind == "human" and record.asked in asked:
                form, part = asked[record.asked]
                latest[form][part] = record
    tables = [answers_table(_as_answers(key, form, latest[form])) for form in key.forms if form in latest]
    if tables:
        write_text(study / "answers.csv", csv_text(pd.concat(tables, ignore_index=True)))
    else:  # everybody withdrew
        (study / "answers.csv").unlink(missing_ok=True)


def _as_answers(key: Key, form: str, records: Mapping[Part, RatingRecord]) -> Answers:
    answers, comments = [], []
    for part in key.parts(form):
        if part not in records:
            continue
        where = {"code": part[0], "turn": part[1]}
        times = {one["item"]: one["at"] for one in json.loads(records[part].raw)["answers"]}
        answers += [
            where | {"item": item, "value": value, "at": times.get(item, "")}
            for item, value in records[part].scores.items()
            if value is not None
        ]
        comments += [where | {"text": records[part].reason}] if records[part].reason else []
    rater, digest = key.forms[form].rater, key.instrument_sha256
    values = {"form": form, "rater": rater, "instrument_sha256": digest, "answers": answers, "comments": comments}
    return Answers.model_validate(values)
