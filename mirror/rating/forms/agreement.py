"""How far people agree with each other, and with judges, item by item.

Subscales of several items count like items. A unit is a session, or a turn where turns are rated. People are compared
on the units that at least two of them rated; with a judge, their mean is compared with the judge's mean over repeats.
Intervals are bootstrapped over clients.
"""

import json
from collections.abc import Sequence
from math import isnan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from mirror.rating.forms.key import read_key
from mirror.rating.instrument import Instrument
from mirror.rating.ratings import is_evidence, read_ratings, subscale_scores
from mirror.run_folder import read_provenance
from mirror.statistics import UNBOUNDED, alpha_interval, icc, krippendorff_alpha, mean_interval
from mirror.statistics.intervals import LEVEL, RESAMPLES, Array
from mirror.transcripts.session_name import client_of

SUBSCALE = " (subscale)"  # after the name of a subscale that stands among items
ALL = "all"  # as an arm: all arms together
KEYS = ["arm", "idx", "turn"]


class HumanAgreement(NamedTuple):
    """The agreement among people on one item, over all arms.

    Attributes:
        instrument, item: what was rated.
        raters: the number of people.
        units: rated by at least two of them; `shared` by all of them.
        alpha, low, high: Krippendorff's ordinal alpha, with its interval.
        interval_alpha: Krippendorff's alpha for interval data.
        icc, icc_mean: ICC(2,1) of one rater and ICC(2,k) of the mean, on the shared units.
    """

    instrument: str
    item: str
    raters: int
    units: int
    shared: int
    alpha: float
    low: float
    high: float
    interval_alpha: float
    icc: float
    icc_mean: float


class JudgeAgreement(NamedTuple):
    """The agreement of a judge with the mean of people on one item in one arm (`all`: all arms).

    Attributes:
        instrument, item, judge, arm: what was rated, by whom, in which arm.
        units, clients: rated by both.
        alpha, alpha_low, alpha_high: Krippendorff's alpha for interval data, with its interval.
        correlation: Pearson's; NaN without variation.
        difference, low, high: the judge's minus the people's mean, by client, with its interval.
    """

    instrument: str
    item: str
    judge: str
    arm: str
    units: int
    clients: int
    alpha: float
    alpha_low: float
    alpha_high: float
    correlation: float
    difference: float
    low: float
    high: float


class Agreements(NamedTuple):
    """All agreements of a study; either table may be empty. Columns: `HumanAgreement`, `JudgeAgreement`."""

    humans: pd.DataFrame
    judges: pd.DataFrame


def study_agreement(study: Path, seed: int) -> Agreements:
    """Computes the agreements of a study of forms: of its own raters, and of judges, on its own sessions.

    Raises:
        KeyFileError, JsonLinesError: the key or ratings are damaged.
    """
    key = read_key(study)
    own = {f"human {form.rater}" for form in key.forms.values()}
    sessions: dict[Path, set[str]] = {}
    for code, session in key.sessions.items():
        sessions.setdefault(key.run_folder(code), set()).add(session.idx)
    ratings = {}
    for folder, names in sorted(sessions.items()):
        of_run = read_ratings(folder)
        is_own = (of_run["kind"] != "human") | of_run["judge"].isin(own)
        is_own &= (of_run["instrument"] == key.instrument) & of_run["idx"].isin(names)
        ratings[folder.name] = of_run[is_own]
    recorded = read_provenance(study).get("instrument")
    instruments = [Instrument.model_validate_json(json.dumps(recorded))] if recorded else []
    return agreements(ratings, seed, instruments=instruments)


def agreements(
    ratings: dict[str, pd.DataFrame],
    seed: int,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    instruments: Sequence[Instrument] = (),
) -> Agreements:
    """Computes all agreements.

    Args:
        ratings: by arm, as `read_ratings` returns them.
        seed, resamples, level: of the bootstrap over clients.
        instruments: those whose subscales are compared, too.
    """
    table = _with_subscales([of.assign(arm=arm) for arm, of in ratings.items()], instruments)
    is_human = table["kind"] == "human"
    humans, judges = table[is_human], table[~is_human & table["judge"].map(is_evidence).astype(bool)]
    among: list[HumanAgreement] = []
    with_judges: list[JudgeAgreement] = []
    for (instrument, item), given in humans.groupby(["instrument", "item"], sort=False):
        wide = given.pivot(index="judge", columns=KEYS, values="score")
        among.append(_among(str(instrument), str(item), wide, seed, resamples, level))
        of_item = judges[(judges["instrument"] == instrument) & (judges["item"] == item)]
        for judge, answers in of_item.groupby("judge", sort=False):
            both = _both(wide, answers)
            arms = [ALL, *ratings] if len(ratings) > 1 else list(ratings)
            for arm in arms:
                of_arm = both if arm == ALL else both[both["arm"] == arm]
                named = (str(instrument), str(item), str(judge), arm)
                with_judges.append(_with_judge(named, of_arm, seed, resamples, level))
    return Agreements(
        pd.DataFrame(among, columns=list(HumanAgreement._fields)),
        pd.DataFrame(with_judges, columns=list(JudgeAgreement._fields)),
    )


def _with_subscales(arms: Sequence[pd.DataFrame], instruments: Sequence[Instrument]) -> pd.DataFrame:
    """The ratings of items, and the scores of subscales of several items as if they were items."""
    several = {
        (one.name, name) for one in instruments for name, subscale in one.subscales.items() if len(subscale.items) > 1
    }
    tables = list(arms)
    for of_arm in arms if several else ():
        for kind, given in of_arm.groupby("kind", sort=False):
            scores = subscale_scores(given, instruments)
            chosen = [key in several for key in zip(scores["instrument"], scores["subscale"], strict=True)]
            items = (scores["subscale"] + SUBSCALE).rename("item")
            of_it = scores.assign(item=items, kind=kind, arm=of_arm["arm"].iloc[0]).loc[chosen]
            tables += [of_it[[*of_arm.columns.intersection(of_it.columns)]]] if len(of_it) else []
    return pd.concat(tables, ignore_index=True)


def _among(instrument: str, item: str, wide: pd.DataFrame, seed: int, resamples: int, level: float) -> HumanAgreement:
    """The agreement on one item; `wide` has a row per person and a column per unit."""
    scores = wide.to_numpy(float)
    clients = wide.columns.get_level_values("idx").map(client_of).to_numpy()
    low, high = alpha_interval(scores, clients, seed, "ordinal", resamples, level)
    found = icc(scores)
    return HumanAgreement(
        instrument=instrument,
        item=item,
        raters=len(scores),
        units=int(((~np.isnan(scores)).sum(0) >= 2).sum()),
        shared=found.units,
        alpha=krippendorff_alpha(scores, "ordinal"),
        low=low,
        high=high,
        interval_alpha=krippendorff_alpha(scores, "interval"),
        icc=found.single,
        icc_mean=found.average,
    )


def _both(wide: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """The mean of people and the judge's mean over repeats, one row per unit that both rated."""
    people = wide.T.mean(axis=1).rename("people").reset_index()
    judge = answers.groupby(KEYS, dropna=False, sort=False)["score"].mean().rename("judge").reset_index()
    return people.merge(judge, on=KEYS).dropna(subset=["people", "judge"])


def _with_judge(
    named: tuple[str, str, str, str], both: pd.DataFrame, seed: int, resamples: int, level: float
) -> JudgeAgreement:
    pair: Array = both[["people", "judge"]].to_numpy(float).T
    clients = both["idx"].map(client_of).to_numpy()
    alpha_low, alpha_high = alpha_interval(pair, clients, seed, "interval", resamples, level)
    by_client = (both["judge"] - both["people"]).groupby(clients).mean().to_numpy(float)
    low, high = mean_interval(by_client[:, None], seed, resamples, level, UNBOUNDED)
    varies = pair.shape[1] > 1 and bool((pair.std(1) > 0).all())
    return JudgeAgreement(
        *named,
        units=pair.shape[1],
        clients=len(by_client),
        alpha=krippendorff_alpha(pair, "interval"),
        alpha_low=alpha_low,
        alpha_high=alpha_high,
        correlation=float(np.corrcoef(pair[0], pair[1]).item(1)) if varies else np.nan,
        difference=float(by_client.mean()) if len(by_client) else np.nan,
        low=float(low[0]),
        high=float(high[0]),
    )


# In words -------------------------------------------------------------------------------------------------------------


def humans_table(table: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Formats the agreement among people for reading; `level` is that of the intervals."""
    return pd.DataFrame(
        {
            "scale": table["instrument"] + ": " + table["item"].str.replace("_", " "),
            "raters": table["raters"],
            "rated by two or more": table["units"],
            "by all": table["shared"],
            f"ordinal alpha ({100 * level:.3g}% CI)": _intervals(table, "alpha", "low", "high"),
            "interval alpha": _numbers(table["interval_alpha"]),
            "ICC(2,1)": _numbers(table["icc"]),
            "ICC(2,k)": _numbers(table["icc_mean"]),
        }
    )


def judges_table(table: pd.DataFrame, level: float = LEVEL) -> pd.DataFrame:
    """Formats the agreement of judges with people for reading; `level` is that of the intervals."""
    confidence = f"{100 * level:.3g}% CI"
    return pd.DataFrame(
        {
            "scale": table["instrument"] + ": " + table["item"].str.replace("_", " "),
            "judge": table["judge"],
            "arm": table["arm"],
            "n": table["units"],
            f"interval alpha ({confidence})": _intervals(table, "alpha", "alpha_low", "alpha_high"),
            "correlation": _numbers(table["correlation"]),
            f"judge − people ({confidence})": _intervals(table, "difference", "low", "high", signed=True),
        }
    )


def agreement_text(found: Agreements) -> str:
    """Formats the agreements of a study for a terminal."""
    if found.humans.empty:
        return "Nobody has returned a form yet: import the returned files first."
    among, with_judges = humans_table(found.humans), judges_table(found.judges)
    parts = ["Among people (Krippendorff's ordinal alpha; ICC of one rater and of the mean):", _plain(among), ""]
    if found.judges.empty:
        return "\n".join([*parts, "No judge has rated these sessions."])
    title = "Judges with the mean of people (Krippendorff's interval alpha):"
    return "\n".join([*parts, title, _plain(with_judges)])


def _plain(table: pd.DataFrame) -> str:
    return table.to_string(index=False)


def _numbers(values: "pd.Series[float]") -> "pd.Series[str]":
    return values.map(lambda value: "–" if isnan(value) else f"{value:.2f}".replace("-", "−"))


def _intervals(table: pd.DataFrame, value: str, low: str, high: str, signed: bool = False) -> Sequence[str]:
    sign = "+" if signed else ""
    found = []
    for one, lowest, highest in zip(table[value].tolist(), table[low].tolist(), table[high].tolist(), strict=True):
        shown = "–" if isnan(one) else f"{one:{sign}.2f}"
        shown += "" if isnan(lowest) or isnan(one) else f" ({lowest:{sign}.2f} to {highest:{sign}.2f})"
        found.append(shown.replace("-", "−"))
    return found
