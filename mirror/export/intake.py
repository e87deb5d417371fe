"""Scores of Inspect's logs as ratings of the run that the logs were exported from; all of them, or nothing.

A score counts if it is not as it was exported: somebody edited it, or a scorer of Inspect's added it. The judge is
named `inspect <rater>` or `inspect <scorer>`. Importing again writes nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mirror.export.scores import AUTHOR, OWN, AnswerKey, by_key, by_turn, read_answers, value_of, value_text
from mirror.files.digests import content_digest, sha256
from mirror.files.json_file import strict_json
from mirror.files.json_lines import append_line
from mirror.files.lock import locked
from mirror.paths import display_path
from mirror.rating.instrument import Instrument
from mirror.rating.ratings import FILE, RatingRecord, is_evidence
from mirror.rating.revision.versions import stamp


class _Score(BaseModel):
    value: Any
    explanation: str | None = None
    metadata: dict[str, Any] | None = None


class _Sample(BaseModel):
    id: int | str
    epoch: int
    scores: dict[str, _Score] | None = None
    metadata: dict[str, Any] = {}


class _Eval(BaseModel):
    task: str
    eval_id: str


class _Log(BaseModel):
    eval: _Eval
    samples: list[_Sample] | None = None


class LogError(ValueError):
    """A log of which nothing is imported; the message has one line per fault."""


@dataclass(frozen=True)
class Imported:
    """What became of the scores of a log.

    Attributes:
        path: the log.
        written: the number of ratings that were written.
        known: the number of scores that are as they were exported or imported before.
    """

    path: Path
    written: int
    known: int


def import_scores(
    folder: Path, paths: Sequence[Path], instruments: Sequence[Instrument], of_others: Instrument | None = None
) -> list[Imported]:
    """Writes the new and the edited scores of logs to the ratings of a run.

    Args:
        folder: of the run.
        paths: the logs, as JSON.
        instruments: those that scores may be of.
        of_others: the instrument of scores that were not exported; None: that of the scorer's name. If it has one item,
            a score may be a plain number.

    Raises:
        LogError: a log cannot be read, is of other sessions, or a score does not fit an instrument; nothing is written.
        JsonLinesError: the ratings of the run are damaged.
        FolderInUse: another process is writing to the run.
    """
    with locked(folder, "importing scores"):
        logs = {path: _read_log(path) for path in paths}
        found: dict[Path, list[RatingRecord]] = {}
        faults: list[str] = []
        for path, log in logs.items():
            records, wrong = _records(folder, log, instruments, of_others)
            found[path] = records
            faults += [f"{display_path(path)}: {fault}" for fault in wrong]
        if faults:
            raise LogError("\n".join(faults))
        return [_write(folder, path, records) for path, records in found.items()]


def _write(folder: Path, path: Path, records: Sequence[RatingRecord]) -> Imported:
    known = read_answers(folder)
    written = 0
    for record in records:
        before = [one.scores for one in known.get(record.idx, ()) if _place(one) == _place(record)]
        if record.scores not in before:
            append_line(folder / FILE, record)
            written += 1
    return Imported(path, written, len(records) - written)


def _place(record: RatingRecord) -> tuple[str, int | None, str, int]:
    return record.instrument, record.turn, record.judge, record.repeat


def _read_log(path: Path) -> _Log:
    try:
        content = strict_json(path.read_bytes(), lenient=True)
        return _Log.model_validate(content)
    except OSError as error:
        raise LogError(f"{display_path(path)}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise LogError(f"{display_path(path)}: is no log of Inspect ({where}: {fault['msg']})") from None
    except ValueError:
        raise LogError(
            f"{display_path(path)}: is no JSON; convert an .eval file first: inspect log convert --to json "
            "--output-dir FOLDER LOG"
        ) from None


def _records(
    folder: Path, log: _Log, instruments: Sequence[Instrument], of_others: Instrument | None
) -> tuple[list[RatingRecord], list[str]]:
    """The ratings that the scores of a log give, and its faults."""
    records, faults, answers = [], list[str](), read_answers(folder)
    for sample in log.samples or ():
        idx = str(sample.id)
        turns = folder / "sessions" / idx / "turns.jsonl"
        if idx in ("", ".", "..") or "/" in idx or not turns.is_file():
            faults.append(f"sample {idx}: {display_path(folder)} has no such session")
            continue
        if sample.metadata.get("turns_sha256") != sha256(turns):
            faults.append(f"sample {idx}: {display_path(turns)} is not the transcript that was exported")
            continue
        given = {key.scorer: value_of(of) for key, of in by_key(answers.get(idx, ())).items()}
        for scorer, score in (sample.scores or {}).items():
            if scorer in given and score.value == given[scorer]:
                continue
            try:
                records += list(_of_score(log, sample, scorer, score, instruments, of_others))
            except ValueError as error:
                faults.append(f"sample {idx}, score {scorer!r}: {error}")
    return records, faults


def _of_score(
    log: _Log,
    sample: _Sample,
    scorer: str,
    score: _Score,
    instruments: Sequence[Instrument],
    of_others: Instrument | None,
) -> Iterator[RatingRecord]:
    """The ratings that one score gives: one, or one per turn. Raises ValueError with what does not fit."""
    key = _key(sample, scorer, score, of_others)
    known = [*instruments, *([of_others] if of_others else [])]
    instrument = next((one for one in known if one.name == key.instrument), None)
    if instrument is None:
        raise ValueError(f"there is no instrument {key.instrument}; name the one that it is of with --instrument")
    value = score.value
    if len(instrument.items) == 1 and not isinstance(value, Mapping):
        value = {instrument.items[0].id: value}
    if not isinstance(value, Mapping):
        raise ValueError(f"must have a value for each item of {instrument.name}, found {value!r:.80}")
    for turn, scores in by_turn(value).items():
        checked = _checked(scores, instrument)
        yield RatingRecord(
            idx=str(sample.id),
            turn=turn,
            instrument=instrument.name,
            repeat=key.repeat,
            status="unparsable" if None in checked.values() else "rated",
            scores=checked,
            reason=score.explanation or "",
            raw=value_text(score.value),
            judge=key.judge,
            run=f"{AUTHOR}{log.eval.task}",
            asked=content_digest({"log": log.eval.eval_id, "sample": sample.id, "scorer": scorer, "turn": turn}),
            attempts=1,
            kind="judge",
            **stamp(instrument),
        )


def _key(sample: _Sample, scorer: str, score: _Score, of_others: Instrument | None) -> AnswerKey:
    own = (score.metadata or {}).get(OWN)
    if own is None:
        return AnswerKey(of_others.name if of_others else scorer, f"{AUTHOR}{scorer}", sample.epoch)
    try:
        key = AnswerKey(str(own["instrument"]), str(own["judge"]), int(own["repeat"]))
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"its metadata {OWN!r} was changed; export the run again") from None
    if not is_evidence(key.judge):
        raise ValueError(f"was edited, but counts words by rules ({key.judge}) and is no evidence; rate it instead")
    return key._replace(judge=key.judge if key.judge.startswith(AUTHOR) else f"{AUTHOR}{key.judge}")


def _checked(scores: Mapping[str, Any], instrument: Instrument) -> dict[str, int | None]:
    """The scores of an answer as whole numbers. Raises ValueError if they are not those of the instrument."""
    items = [item.id for item in instrument.items]
    if differing := set(items) ^ scores.keys():
        raise ValueError(f"must have each item of {instrument.name} once; differing: {', '.join(sorted(differing))}")
    for item in items:
        score = scores[item]
        is_whole = isinstance(score, int | float) and not isinstance(score, bool) and score == int(score)
        if score is not None and not (is_whole and int(score) in instrument.scale.values):
            lowest, highest = instrument.scale.lowest, instrument.scale.highest
            raise ValueError(f"{item} must be a whole number from {lowest} to {highest}, found {score!r:.80}")
    return {item: None if scores[item] is None else int(scores[item]) for item in items}
