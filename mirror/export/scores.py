"""Ratings as scores of Inspect's logs, and scores of a log as ratings.

A score holds one answer of a rater: its value has each item as the rater gave it, `<item>@<turn>` where single turns
were rated. A score that was changed in a log becomes a rating of another judge, `inspect <rater>`; the original stays.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from mirror.files.json_lines import read_lines
from mirror.rating.ratings import FILE, RatingRecord

OWN = "mirror"  # key in a score's metadata under which the export says whose answer it is
AUTHOR = "inspect "  # before the name of a judge whose ratings come from a log
AT = "@"  # between an item and the turn that was rated
Value = Mapping[str, int | None]


class AnswerKey(NamedTuple):
    """Whose answer a score holds; one per scorer of a sample.

    Attributes:
        instrument, judge, repeat: as in the ratings.
    """

    instrument: str
    judge: str
    repeat: int

    @property
    def scorer(self) -> str:
        """The name of the score."""
        return f"{self.instrument} by {self.judge}" + f" #{self.repeat}" * (self.repeat > 1)


def read_answers(folder: Path) -> dict[str, list[RatingRecord]]:
    """Reads the answers of a run's ratings by client; of what was rated again, the last one.

    Raises:
        JsonLinesError: the ratings are damaged.
    """
    last = {
        (record.idx, record.instrument, record.judge, record.repeat, record.turn): record
        for record in read_lines(folder / FILE, RatingRecord)
    }
    found: dict[str, list[RatingRecord]] = {}
    for record in last.values():
        found.setdefault(record.idx, []).append(record)
    return found


def sample_scores(answers: Sequence[RatingRecord]) -> dict[str, dict[str, Any]]:
    """Returns the answers about one session as the scores of its sample, by scorer."""
    found: dict[str, dict[str, Any]] = {}
    for key, records in by_key(answers).items():
        reasons = [f"{record.turn}: {record.reason}" if record.turn else record.reason for record in records]
        found[key.scorer] = {
            "value": value_of(records),
            "explanation": "\n".join(filter(None, reasons)),
            "metadata": {OWN: key._asdict()},
        }
    return found


def by_key(answers: Sequence[RatingRecord]) -> dict[AnswerKey, list[RatingRecord]]:
    """Groups answers about one session by what one score holds."""
    found: dict[AnswerKey, list[RatingRecord]] = {}
    for record in answers:
        found.setdefault(AnswerKey(record.instrument, record.judge, record.repeat), []).append(record)
    return found


def value_of(records: Sequence[RatingRecord]) -> dict[str, int | None]:
    """Returns the value of a score: each item of the answers, those of a turn with its number."""
    return {
        item if record.turn is None else f"{item}{AT}{record.turn}": score
        for record in records
        for item, score in record.scores.items()
    }


def by_turn(value: Value) -> dict[int | None, dict[str, int | None]]:
    """Divides the value of a score into answers, by turn; None: about the whole session.

    Raises:
        ValueError: a turn is no number.
    """
    found: dict[int | None, dict[str, int | None]] = {}
    for name, score in value.items():
        item, at, turn = name.partition(AT)
        if at and not turn.isdecimal():
            raise ValueError(f"{name!r} must end with the number of a turn")
        found.setdefault(int(turn) if at else None, {})[item] = score
    return found


def scorer_means(scores: Sequence[Mapping[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Returns the means of the items over sessions (and turns), by scorer, as the results of a log.

    Args:
        scores: of each sample, as `sample_scores` returns them.
    """
    found: dict[tuple[str, str], list[int]] = {}
    for scorer, item, score in _items(scores):
        found.setdefault((scorer, item), []).append(score)
    return [
        {"name": item, "scorer": scorer, "metrics": {"mean": {"name": "mean", "value": fmean(values)}}}
        for (scorer, item), values in found.items()
    ]


def _items(scores: Sequence[Mapping[str, Mapping[str, Any]]]) -> Iterator[tuple[str, str, int]]:
    for of_sample in scores:
        for scorer, score in of_sample.items():
            for name, value in score["value"].items():
                if value is not None:
                    yield scorer, name.partition(AT)[0], value


def value_text(value: Any) -> str:
    """A value of a score as it is kept with a rating."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
