"""The ratings of a run's sessions: `results/<run>/ratings.jsonl`, one line per answer of a judge or a person.

Ratings are stored with the rated run; each line names the judge and the rating run (`results/<rating run>/`, with its
settings, prompts and costs, or with the forms of people). Lines are only appended. If something was rated again, the
last line counts. Fields:

    idx, turn       the session, and the client's turn; turn is null if the session was rated as a whole
    instrument, repeat
    status          rated; unparsable (no answer in the requested format); failed (no answer)
    scores          by item as the judge gave them; null if missing, never 0
    reason, raw     the judge's reason; the answer or the error as received
    judge           the model, with the suffix ` with faces` if it saw them; `rules` for the offline judge
                    (see `is_evidence`); `human <id>` for a person
    kind            `human` for a person's rating; absent for a judge's
    run             the rating run
    instrument_sha256, scale   the instrument's digest with its wording, and the ends of its scale; absent in old lines
    reversed           the ids of its reversed items; absent if there are none, and in old lines
    asked           SHA-256 of everything that determines the answer, so that nothing is asked twice
    attempts, prompt_tokens, completion_tokens, model    the cost; model as the endpoint reports it
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from mirror.files.json_lines import read_lines
from mirror.rating.instrument import CHANGE, Instrument
from mirror.statistics import agreement, estimate, krippendorff_alpha
from mirror.transcripts.session_name import client_of, number_of

FILE = "ratings.jsonl"
RULES = "rules"  # the name of the offline judge, reserved
HUMANS = "humans"  # all people together, where their ratings are averaged; reserved
Status = Literal["rated", "unparsable", "failed"]
Kind = Literal["judge", "human"]
Raters = Literal["humans", "judge", "both"]  # whose ratings are used in claims
COLUMNS = ["idx", "instrument", "repeat", "turn", "item", "score", "judge", "status", "kind"]
_ANSWER_KEY = ["idx", "instrument", "turn", "repeat", "judge", "kind"]


class RatingRecord(BaseModel):
    """One answer of a judge, a line of the file; the module's docstring explains the fields."""

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
    kind: Kind = Field("judge", exclude_if=lambda kind: kind == "judge")
    instrument_sha256: str = Field("", exclude_if=lambda digest: not digest)
    scale: tuple[int, int] | None = Field(None, exclude_if=lambda ends: ends is None)
    reversed: list[str] = Field([], exclude_if=lambda items: not items)


def is_evidence(judge: str) -> bool:
    """Returns whether ratings by this judge are evidence about a counselor; those of the offline judge are not."""
    return judge != RULES


def counts(judge: str, raters: Raters) -> bool:
    """Returns whether ratings are used in claims.

    Args:
        judge: the judge's name; `humans` for those of people, as `pool_humans` returns them.
        raters: whose ratings the study uses. Those of the offline judge are never used.
    """
    return is_evidence(judge) and (raters == "both" or (judge == HUMANS) == (raters == HUMANS))


# As tables ------------------------------------------------------------------------------------------------------------


def read_ratings(folder: Path) -> pd.DataFrame:
    """Reads the ratings of the run in `folder`.

    Returns:
        One row per item of an answer; empty if nothing was rated. Columns:
        idx, instrument, repeat, item: as in the file.
        turn: NaN if the session was rated as a whole.
        score: as the judge gave it, also of reversed items; NaN if missing.
        judge, status: who answered, and `rated`, `unparsable` or `failed`.
        kind: `judge` or `human`.

    Raises:
        JsonLinesError: The file has an invalid line.
    """
    rows = [
        (
            rating.idx,
            rating.instrument,
            rating.repeat,
            rating.turn,
            item,
            score,
            rating.judge,
            rating.status,
            rating.kind,
        )
        for rating in read_lines(folder / FILE, RatingRecord)
        for item, score in rating.scores.items()
    ]
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"turn": float, "score": float, "repeat": int})
    return table.drop_duplicates([*_ANSWER_KEY, "item"], keep="last").reset_index(drop=True)


def pool_humans(ratings: pd.DataFrame) -> pd.DataFrame:
    """Treats people as the repeats of one rater, `humans`, so that their ratings are averaged and compared.

    Args:
        ratings: the table of `read_ratings`, or several of them together, so that each person has one number.
    """
    is_human = ratings["kind"] == "human"
    numbers = {judge: number for number, judge in enumerate(sorted(set(ratings.loc[is_human, "judge"])), 1)}
    repeats = ratings["judge"].map(numbers).where(is_human, ratings["repeat"]).astype(int)
    return ratings.assign(repeat=repeats, judge=ratings["judge"].where(~is_human, HUMANS))


def subscale_scores(ratings: pd.DataFrame, instruments: Iterable[Instrument]) -> pd.DataFrame:
    """Computes the scores of the instruments' subscales.

    Reversed items are inverted first. A score is NaN if any of its items is missing.

    Args:
        ratings: The table of `read_ratings`.
        instruments: Ratings by other instruments are ignored.

    Returns:
        One row per answer and subscale. Columns:
        idx, instrument, repeat, turn, judge, status: as in `ratings`.
        subscale, score: the mean or the sum of its items.
        better: `higher` or `lower`.
        lowest, highest: the bounds of the score.
    """
    keys = ["idx", "instrument", "repeat", "turn", "judge", "status"]
    instruments, rated = list(instruments), set(ratings["instrument"])
    used = [one for one in instruments if one.name in rated] or instruments[:1]  # without ratings: no row, all columns
    scores = {one.name: _item_scores(ratings, one) for one in used}
    found = [_subscale(scores[one.name], one, name, keys) for one in used for name in one.subscales]
    columns = [*keys, "subscale", "score", "better", "lowest", "highest"]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def _item_scores(ratings: pd.DataFrame, instrument: Instrument) -> pd.DataFrame:
    """The ratings by an instrument, with its reversed items inverted."""
    own = ratings[ratings["instrument"] == instrument.name]
    is_reversed = own["item"].isin([item.id for item in instrument.items if item.reversed])
    ends = instrument.scale.lowest + instrument.scale.highest
    return own.assign(score=own["score"].where(~is_reversed, ends - own["score"]))


def _subscale(scores: pd.DataFrame, instrument: Instrument, name: str, keys: list[str]) -> pd.DataFrame:
    subscale = instrument.subscales[name]
    of_it = scores[scores["item"].isin(subscale.items)]
    grouped = of_it.groupby(keys, dropna=False, sort=False)["score"]
    is_complete = grouped.count() == len(subscale.items)
    score = grouped.agg(subscale.score).where(is_complete)
    lowest, highest = instrument.bounds(name)
    return score.reset_index().assign(subscale=name, better=subscale.better, lowest=lowest, highest=highest)


def arm_scores(ratings: Mapping[str, pd.DataFrame], instruments: Sequence[Instrument]) -> pd.DataFrame:
    """Computes the scores of several runs, in which people are the repeats of one rater, `humans`.

    Args:
        ratings: by arm, as `read_ratings` returns them.
        instruments: ratings by other instruments are ignored.

    Returns:
        The table of `subscale_scores` with the column arm.
    """
    pooled = pool_humans(pd.concat([of.assign(arm=arm) for arm, of in ratings.items()], ignore_index=True))
    by_arm = {arm: subscale_scores(pooled.loc[pooled["arm"] == arm], instruments) for arm in ratings}
    found = [scores.assign(arm=arm) for arm, scores in by_arm.items()]
    return pd.concat([table for table in found if len(table)] or found[:1], ignore_index=True)


def session_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """Computes one score per session: the mean over the available repeats, then over the turns if turns were rated.

    Args:
        scores: The table of `subscale_scores`.

    Returns:
        Columns idx, instrument, judge, subscale, better and score; NaN if the session, or one of its turns, has no
        score in any repeat.
    """
    keys = ["idx", "instrument", "judge", "subscale", "better"]
    of_turns = scores.groupby([*keys, "turn"], dropna=False, sort=False)["score"].mean().reset_index()
    return of_turns.groupby(keys, sort=False)["score"].agg(lambda turns: turns.mean(skipna=False)).reset_index()


def client_scores(scores: pd.DataFrame, instruments: Iterable[Instrument], numbers: Sequence[int]) -> pd.DataFrame:
    """Computes one score per client: the mean over sessions; of an instrument that rates moments, one of them.

    The start is that of the first session, the end that of the last one, so that a change is from the first session's
    start to the last one's end.

    Args:
        scores: the table of `session_scores`.
        instruments: those that rate moments count.
        numbers: of the sessions that count, in order.

    Returns:
        The same columns, where idx is the client; NaN if a session has no score.
    """
    moments = {name: moment for name, (_, moment) in moment_names(instruments).items()}
    number, moment = scores["idx"].map(number_of), scores["instrument"].map(moments)
    counts = number.isin(numbers) & ~((moment == "start") & (number != numbers[0]))
    counts &= ~((moment == "end") & (number != numbers[-1]))
    expected = moment.map({"start": 1, "end": 1}).fillna(len(numbers))
    of_client = scores.assign(idx=scores["idx"].map(client_of), expected=expected).loc[counts]
    keys = [name for name in of_client.columns if name != "score"]
    grouped = of_client.groupby(keys, sort=False, dropna=False)["score"]
    found = grouped.mean().where(grouped.count() == grouped.count().index.get_level_values("expected"))
    return found.reset_index()[[*scores.columns]]


def with_changes(scores: pd.DataFrame, instruments: Iterable[Instrument]) -> pd.DataFrame:
    """Adds how much the scores of a session change from its start to its end.

    Args:
        scores: The table of `session_scores`, also with further columns.
        instruments: Those that rate moments count.

    Returns:
        The same columns with further rows of the instrument `<name>-change`: `score` is end - start, NaN if one of them
        is missing.
    """
    names = moment_names(instruments)
    if names.keys().isdisjoint(scores["instrument"]):
        return scores
    moments = scores.assign(moment=scores["instrument"].map(lambda name: names.get(name, ("", ""))[1]))
    keys = [name for name in scores.columns if name != "score"]
    start, end = (
        moments.loc[moments["moment"] == moment]
        .assign(instrument=lambda t: t["instrument"].map(lambda name: names[name][0]))
        .set_index(keys)["score"]
        for moment in ("start", "end")
    )
    changes = (end - start).rename("score").reset_index()
    return pd.concat([scores, changes[[*scores.columns]]], ignore_index=True)


def moment_names(instruments: Iterable[Instrument]) -> dict[str, tuple[str, str]]:
    """Returns the name of the change score and the moment, by the name of each instrument that rates a moment."""
    return {
        one.name: (f"{one.name.removesuffix(one.moment)}{CHANGE}", one.moment)
        for one in instruments
        if one.moment is not None
    }


def reliability(scores: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Computes the mean over clients and the agreement of a judge's repeats.

    Args:
        scores: The table of `subscale_scores`.
        seed: Of the bootstrap.

    Returns:
        One row per judge and subscale. Columns:
        mean, low, high: over clients (the means of their sessions), with the bootstrap interval, within the bounds of
            the subscale; `n` have a score, `missing` have none.
        alpha: Krippendorff's ordinal alpha over repeats; NaN with one repeat, and if all scores are equal.
        exact, within_one: shares of pairs of repeats with equal scores, and with scores at most 1 apart.
        repeats, answers, missing_answers: the expected numbers, and the number of answers without a score.
    """
    rows = []
    by_session = session_scores(scores)
    for (instrument, judge, subscale), group in scores.groupby(["instrument", "judge", "subscale"], sort=False):
        repeats = group.pivot(index="repeat", columns=["idx", "turn"], values="score").to_numpy(float)
        of_it = by_session.query("instrument == @instrument and judge == @judge and subscale == @subscale")
        bounds = float(group["lowest"].iloc[0]), float(group["highest"].iloc[0])
        of_clients = of_it["score"].groupby(of_it["idx"].map(client_of), sort=False).mean()
        found, agreed = estimate(of_clients, seed, bounds=bounds), agreement(repeats)
        rows.append(
            {"instrument": instrument, "subscale": subscale, "judge": judge, **found._asdict()}
            | {"alpha": krippendorff_alpha(repeats), "exact": agreed.exact, "within_one": agreed.within_one}
            | {"repeats": len(repeats), "answers": len(group), "missing_answers": int(group["score"].isna().sum())}
        )
    return pd.DataFrame(rows)
