"""What the turns of a study show: kinds of replies, captions against chance, values turn by turn.

Reads complete sessions only. Draws nothing and makes no sentences.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mirror.analysis.measures import BOUNDS, Unit
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.study import Study
from mirror.statistics import Estimate, estimate, proportion

BAND = 1000  # resamples of a turn's interval, of which a figure has many


def reactions(study: Study) -> pd.DataFrame:
    """The share of each kind of reply, as means over clients like all measures; `named` is the measure `names`.

    Returns:
        arm, reaction, share, replies (how many of the arm's replies count: those to cues that the lexicon can read).
    """
    rows = []
    for arm in study.arms:
        turns = study.turns(arm.name)
        turns = turns[turns.names.notna()]
        by_client = pd.crosstab(turns.idx, turns.reaction, normalize="index").mean()
        rows += [
            {"arm": arm.name, "reaction": kind, "share": share, "replies": len(turns)}
            for kind, share in by_client.items()
        ]
    return pd.DataFrame(rows, columns=["arm", "reaction", "share", "replies"])


def caption_chance(study: Study, arm: str) -> float:
    """How often captions and cues of an arm would agree if every caption met every cue; NaN without any."""
    turns = study.turns(arm)
    both = turns[turns.caption_agrees.notna()]
    said, shown = (
        both[name].map(lambda names: frozenset(names.split(", "))).value_counts()
        for name in ("caption_feelings", "feelings")
    )
    met = sum(a * b for one, a in said.items() for other, b in shown.items() if one & other)
    return met / len(both) ** 2 if len(both) else np.nan


def unread_captions(study: Study, arm: str) -> tuple[int, int]:
    """Captions that cannot be compared with their cue, since the lexicon reads no feeling in one of them, and all."""
    turns = study.turns(arm)
    captions = turns[turns.caption_feelings.notna()]
    return int(captions.caption_agrees.isna().sum()), len(captions)


def per_turn(study: Study, key: str, unit: Unit, settings: AnalyseSettings) -> pd.DataFrame:
    """The mean of a column of the turns in each turn of each arm with its interval over clients.

    Shares have Wilson's interval, all else the bootstrap's. Turns without a value are left out.

    Returns:
        arm, variant, turn, mean, low, high, n, missing.
    """
    rows = [
        {"arm": arm.name, "variant": arm.variant, "turn": turn} | _of_turn(values, unit, settings)._asdict()
        for arm in study.arms
        for turn, values in study.turns(arm.name).astype({key: float}).groupby("turn")[key]
        if values.notna().any()
    ]
    return pd.DataFrame(rows, columns=["arm", "variant", "turn", *Estimate._fields])


def _of_turn(values: pd.Series, unit: Unit, settings: AnalyseSettings) -> Estimate:
    known = values.dropna()
    if unit == "share":
        return proportion(int(known.sum()), len(known), len(values) - len(known), settings.level)
    return estimate(values, settings.seed, BAND, settings.level, BOUNDS[unit])


def points(study: Study, key: str, arms: Sequence[str]) -> pd.DataFrame:
    """The values of each client and turn: arm, turn, value."""
    found = [study.turns(name)[["turn", key]].assign(arm=name).rename(columns={key: "value"}) for name in arms]
    return pd.concat(found, ignore_index=True).astype({"value": float})
