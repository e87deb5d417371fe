"""How often one arm of a study is preferred over another on the same client, from the answers of people and judges."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from mirror.analysis.comparison import arm_order, corrected_p
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.study import Study
from mirror.rating.preferences import compare_preferences, read_preferences
from mirror.rating.ratings import counts, pool_humans
from mirror.statistics import least_p


class ShareRow(NamedTuple):
    """One pair of arms as one rater sees it, as `preference_shares` returns it.

    Attributes:
        arm, other: as in comparisons of outcomes, the reference second.
        variant, other_variant: of the two arms.
        instrument, item: the question.
        judge: its name, or `humans` for all people together.
        share, low, high: of clients for whom `arm` is preferred, 0.5 for no difference; its interval.
        n, missing: clients with and without an answer that counts.
        wins, ties, losses: the numbers of answers for `arm`, for neither and for `other`.
        p_adjusted: of the share against 0.5, after Holm's correction over all rows with at least two clients.
        least_p: the least that `p_adjusted` could be with these numbers of clients.
        is_significant: whether `p_adjusted` is below 1 - level.
    """

    arm: str
    other: str
    variant: str
    other_variant: str
    instrument: str
    item: str
    judge: str
    share: float
    low: float
    high: float
    n: int
    missing: int
    wins: int
    ties: int
    losses: int
    p_adjusted: float
    least_p: float
    is_significant: bool


class LeftOut(NamedTuple):
    """The numbers of answers that do not count, by the first reason that applies.

    Attributes:
        other_runs: one of the two runs is no arm of the study.
        sessions: their session does not count in both arms.
        raters: of people or of judges, by `raters`.
    """

    other_runs: int
    sessions: int
    raters: int


def answers_that_count(
    study: Study, folders: Sequence[Path], settings: AnalyseSettings
) -> tuple[pd.DataFrame, LeftOut]:
    """Reads the answers on pairs of the study's arms, with `first` and `second` as names of arms, people as one rater.

    Args:
        study: the arms.
        folders: of `preferences.jsonl`.
        settings: `raters` says who counts.

    Returns:
        The table of `read_preferences`, and what was left out of it.

    Raises:
        JsonLinesError: a file has an invalid line.
    """
    read = pd.concat([read_preferences(folder) for folder in folders], ignore_index=True)
    pooled = pool_humans(read.drop_duplicates(ignore_index=True))
    names = {arm.folder.name: arm.name for arm in study.arms}
    is_known = pooled["first"].isin(names) & pooled["second"].isin(names)
    known = pooled.loc[is_known].assign(first=pooled["first"].map(names), second=pooled["second"].map(names))
    has_session = pd.Series(False, index=known.index)
    for pair, of_pair in known.groupby(["first", "second"]):
        has_session[of_pair.index] = _in_both(study, [str(arm) for arm in pair], of_pair["idx"])
    of_sessions = known.loc[has_session]
    is_counted = of_sessions["judge"].map(lambda judge: counts(judge, settings.raters)).astype(bool)
    left_out = LeftOut(int((~is_known).sum()), int((~has_session).sum()), int((~is_counted).sum()))
    return of_sessions.loc[is_counted].reset_index(drop=True), left_out


def _in_both(study: Study, pair: Sequence[str], names: "pd.Series[str]") -> "pd.Series[bool]":
    """Whether sessions are in both arms and count there."""
    is_there = pd.Series(True, index=names.index)
    for arm in pair:
        is_there &= names.isin(study.metrics[arm].sessions["idx"]) & study.counts(arm, names)
    return is_there


def preference_shares(answers: pd.DataFrame, study: Study, settings: AnalyseSettings) -> pd.DataFrame:
    """Estimates how often each arm is preferred, with all tests corrected together.

    Args:
        answers: as `answers_that_count` returns them.
        study: the arms.
        settings: seed, resamples and level of the intervals; the reference.

    Returns:
        A table of `ShareRow`; empty without answers.
    """
    found = compare_preferences(answers, settings.seed, settings.resamples, settings.level)
    if found.empty:
        return pd.DataFrame(columns=list(ShareRow._fields))
    places = {name: place for place, name in enumerate(arm_order(study.arms, settings.reference))}
    turned = found["arm"].map(places) > found["other"].map(places)
    table = found.where(~turned, _from_the_other_side(found))
    variants = {arm.name: arm.variant for arm in study.arms}
    table["variant"], table["other_variant"] = table["arm"].map(variants), table["other"].map(variants)
    table["least_p"] = table["n"].map(lambda n: least_p(n, settings.resamples)).astype(float)
    table["p_adjusted"], table["least_p"] = corrected_p(table, "p"), corrected_p(table, "least_p")
    table["is_significant"] = table["p_adjusted"] < 1 - settings.level
    table = table.sort_values(["arm", "other"], kind="stable", key=lambda names: names.map(places), ignore_index=True)
    return table.reindex(columns=list(ShareRow._fields))


def _from_the_other_side(found: pd.DataFrame) -> pd.DataFrame:
    return found.assign(
        arm=found["other"],
        other=found["arm"],
        share=1 - found["share"],
        low=1 - found["high"],
        high=1 - found["low"],
        wins=found["losses"],
        losses=found["wins"],
    )
