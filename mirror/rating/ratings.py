"""What judges have said of the sessions of a run: `results/<run>/ratings.jsonl`, one line an answer.

Ratings lie with the run that was rated, whoever rated it: a line says which judge, and which rating run
(`results/<rating run>/`, with settings, prompts and costs). Lines are only added. Where the same thing was rated again
the last line counts. A line holds

    idx, turn       the session, and the client's turn; turn null: the session as a whole
    instrument, repeat
    status          rated; unparsable (the judge answered, and not in the form asked for); failed (it did not answer)
    scores          by item as the judge gave them; null where missing, never 0
    reason, raw     the judge's own words; the answer or the error as it came
    judge           the model, ` with faces` where it saw them; `rules` for the offline judge, which is no model
                    (`is_evidence` decides by it what counts)
    run             the rating run
    asked           SHA-256 of all that was asked, so that nothing is asked twice
    attempts, prompt_tokens, completion_tokens, model    what it took; model as the endpoint names it

Knows nothing of how a rating is made.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mirror.files.json_file import strict_json
from mirror.paths import display_path
from mirror.rating.instrument import Instrument
from mirror.statistics import agreement, estimate, krippendorff_alpha

FILE = "ratings.jsonl"
RULES = "rules"  # the name of the offline judge, which no model may have
Status = Literal["rated", "unparsable", "failed"]
COLUMNS = ["idx", "instrument", "repeat", "turn", "item", "score", "judge", "status"]
Line = TypeVar("Line", bound=BaseModel)
_ONE = ["idx", "instrument", "turn", "repeat", "judge"]  # what is rated once


class Rating(BaseModel):
    """One answer of a judge, a line of the file; the module's first lines say what each field means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    idx: str
    turn: int | None = None
    instrument: str
    repeat: int = Field(ge=1)
    status: Status
    scores: dict[str, int | None]
    reason: str = ""
    raw: str
    judge: str
    run: str
    asked: str
    attempts: int
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    model: str = ""


def is_evidence(judge: str) -> bool:
    """Whether what this judge says tells something of a counselor. The offline judge `rules` only rehearses a study."""
    return judge != RULES


class RatingsError(ValueError):
    """A file of ratings that cannot be read: the message names file, line and fault."""


def read_lines(path: Path, kind: type[Line]) -> list[Line]:
    """The whole lines of a file; none where there is no file. What follows the last line feed was torn off by a kill.

    Raises:
        RatingsError: a whole line is none of this version.
    """
    lines = path.read_bytes().split(b"\n")[:-1] if path.is_file() else []
    found = []
    for number, line in enumerate(lines, 1):
        try:
            strict_json(line)
            found.append(kind.model_validate_json(line))
        except ValidationError as error:
            what = error.errors()[0]
            told = ": ".join([*map(str, what["loc"]), what["msg"]])
            raise RatingsError(f"{display_path(path)}: line {number}: is no {kind.__name__.lower()} ({told})") from None
        except ValueError as error:
            raise RatingsError(f"{display_path(path)}: line {number}: {error}; mend or remove the line") from None
    return found


def append_line(path: Path, line: BaseModel) -> None:
    """Puts a line on disk before it returns; what a killed run left behind the last whole line goes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b") as file:
        _cut_torn_end(file)
        file.write(line.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _cut_torn_end(file: BinaryIO) -> None:
    size = file.seek(0, os.SEEK_END)
    if size and (file.seek(size - 1), file.read(1))[1] != b"\n":
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)


# As tables ------------------------------------------------------------------------------------------------------------


def read_ratings(folder: Path) -> pd.DataFrame:
    """The ratings of the run in `folder`, one row per item of an answer; empty where nothing was rated.

    Returns:
        idx, instrument, repeat, item: as in the file.
        turn: NaN where the session was rated as a whole.
        score: as the judge gave it, reversed items too; NaN where it is missing.
        judge, status: who answered, and whether (`rated`, `unparsable` or `failed`).

    Raises:
        RatingsError: the file has a line that is no rating.
    """
    rows = [
        (rating.idx, rating.instrument, rating.repeat, rating.turn, item, score, rating.judge, rating.status)
        for rating in read_lines(folder / FILE, Rating)
        for item, score in rating.scores.items()
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"turn": float, "score": float, "repeat": int})
    return table.drop_duplicates([*_ONE, "item"], keep="last").reset_index(drop=True)


def subscale_scores(ratings: pd.DataFrame, instruments: Iterable[Instrument]) -> pd.DataFrame:
    """The scores of the instruments' subscales, one row per answer and subscale; of other instruments none.

    Reversed items are turned round first. A score is NaN where any of its items is missing.

    Args:
        ratings: as `read_ratings` gives them.

    Returns:
        idx, instrument, repeat, turn, judge, status: as in `ratings`.
        subscale, score: the mean or the sum of its items.
        better: `higher` or `lower`.
        lowest, highest: the scores that the subscale can have.
    """
    keys = ["idx", "instrument", "repeat", "turn", "judge", "status"]
    found = [
        _subscale(ratings[ratings["instrument"] == instrument.name], instrument, name, keys)
        for instrument in instruments
        for name in instrument.subscales
    ]
    columns = [*keys, "subscale", "score", "better", "lowest", "highest"]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def _subscale(ratings: pd.DataFrame, instrument: Instrument, name: str, keys: list[str]) -> pd.DataFrame:
    subscale = instrument.subscales[name]
    turned = ratings["item"].isin([item.id for item in instrument.items if item.reversed])
    ends = instrument.scale.lowest + instrument.scale.highest
    scores = ratings.assign(score=ratings["score"].where(~turned, ends - ratings["score"]))
    of_it = scores[scores["item"].isin(subscale.items)]
    grouped = of_it.groupby(keys, dropna=False, sort=False)["score"]
    whole = grouped.count() == len(subscale.items)
    score = grouped.agg(subscale.score).where(whole)
    lowest, highest = instrument.bounds(name)
    return score.reset_index().assign(subscale=name, better=subscale.better, lowest=lowest, highest=highest)


def session_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """One score a session: the mean over the repeats that are there, and over the turns where turns were rated.

    Args:
        scores: as `subscale_scores` gives them.

    Returns:
        idx, instrument, judge, subscale, better, score: NaN where no repeat, or a turn in no repeat, has a score.
    """
    keys = ["idx", "instrument", "judge", "subscale", "better"]
    of_turns = scores.groupby([*keys, "turn"], dropna=False, sort=False)["score"].mean().reset_index()
    return of_turns.groupby(keys, sort=False)["score"].agg(lambda turns: turns.mean(skipna=False)).reset_index()


def reliability(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """How far the repeats of a judge agree, one row per judge and subscale, with the mean over sessions.

    Args:
        scores: as `subscale_scores` gives them.

    Returns:
        mean, low, high: over sessions, with the bootstrap interval, which ends where the subscale ends; `n` sessions
            have a score, `missing` have none.
        alpha: Krippendorff's, ordinal, over repeats; NaN with one repeat, and where all scores are the same.
        exact, within_one: shares of pairs of repeats with the same score, and at most 1 apart.
        repeats, answers, missing_answers: how many there should be, and how many of them have no score.
    """
    rows = []
    by_session = session_scores(scores)
    for (instrument, judge, subscale), group in scores.groupby(["instrument", "judge", "subscale"], sort=False):
        repeats = group.pivot(index="repeat", columns=["idx", "turn"], values="score").to_numpy(float)
        of_it = by_session.query("instrument == @instrument and judge == @judge and subscale == @subscale")
        bounds = float(group["lowest"].iloc[0]), float(group["highest"].iloc[0])
        found, agreed = estimate(of_it["score"], seed, bounds=bounds), agreement(repeats)
        rows.append(
            {"instrument": instrument, "subscale": subscale, "judge": judge, **found._asdict()}
            | {"alpha": krippendorff_alpha(repeats), "exact": agreed.exact, "within_one": agreed.within_one}
            | {"repeats": len(repeats), "answers": len(group), "missing_answers": int(group["score"].isna().sum())}
        )
    return pd.DataFrame(rows)
