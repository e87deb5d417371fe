"""Statistics over the turns of a study: kinds of replies, agreement of captions with cues, values turn by turn.

Only turns of complete sessions count.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mirror.analysis.measures import BOUNDS, Unit
from mirror.analysis.metrics import by_client
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.study import Study
from mirror.statistics import Estimate, estimate, proportion
from mirror.transcripts.session_name import client_of

BAND = 1000  # resamples for the interval of one turn; a figure has many of them


def reactions(study: Study) -> pd.DataFrame:
    """Returns the share of each kind of reply, a mean over clients; the share of `named` is the measure `names`.

    Returns:
        One row per arm and kind: arm, reaction, share, replies (the number of the arm's replies that count: those to
        cues that the lexicon can read).
    """
    rows = []
    for arm in study.arms:
        turns = study.turns(arm.name)
        turns = turns.loc[turns["names"].notna()]
        by_session = pd.crosstab(turns["idx"], turns["reaction"], normalize="index")
        rows += [
            {"arm": arm.name, "reaction": kind, "share": share, "replies": len(turns)}
            for kind, share in by_client(by_session).mean().items()
        ]
    return pd.DataFrame(rows, columns=["arm", "reaction", "share", "replies"])


def caption_chance(study: Study, arm: str) -> float:
    """Returns the expected agreement if the captions of an arm were dealt at random to its cues; NaN without any.

    Agreement is a share from 0 to 1, computed over all pairs of a caption and a cue.
    """
    turns = study.turns(arm)
    both = turns.loc[turns["caption_agrees"].notna()]
    captions, cues = (Counter(map(_feelings, both[name])) for name in ("caption_feelings", "feelings"))
    agreeing = sum(a * b for caption, a in captions.items() for cue, b in cues.items() if caption & cue)
    return agreeing / len(both) ** 2 if len(both) else np.nan


def _feelings(names: str) -> frozenset[str]:
    return frozenset(names.split(", "))


def unread_captions(study: Study, arm: str) -> tuple[int, int]:
    """Counts the captions of an arm that cannot be compared with their cue, and all its captions.

    A caption cannot be compared if the lexicon finds no feeling in the caption or in the cue.
    """
    turns = study.turns(arm)
    captions = turns.loc[turns["caption_feelings"].notna()]
    return int(captions["caption_agrees"].isna().sum()), len(captions)


def per_turn(study: Study, key: str, unit: Unit, settings: AnalyseSettings) -> pd.DataFrame:
    """Returns the mean over clients of a column of the turns, turn by turn, with its interval.

    Shares have Wilson's interval; other units, and shares that are means over several sessions, the bootstrap's. Turns
    without a value are left out.

    Returns:
        One row per arm and turn: arm, variant, turn, mean, low, high, n, missing.
    """
    rows = [
        {"arm": arm.name, "variant": arm.variant, "turn": turn} | _of_turn(values, unit, settings)._asdict()
        for arm in study.arms
        for turn, values in of_clients(study.turns(arm.name), key).groupby("turn")[key]
        if values.notna().any()
    ]
    return pd.DataFrame(rows, columns=["arm", "variant", "turn", *Estimate._fields])


def of_clients(turns: pd.DataFrame, key: str) -> pd.DataFrame:
    """Returns the values of the clients turn by turn, the means over their sessions: columns client, turn and `key`."""
    client = turns["idx"].map(client_of).rename("client")
    found = turns[key].astype(float).groupby([client, turns["turn"]], sort=False).mean()
    return found.reset_index()


def _of_turn(values: "pd.Series[float]", unit: Unit, settings: AnalyseSettings) -> Estimate:
    known = values.dropna()
    if unit == "share" and known.isin([0, 1]).all():
        return proportion(int(known.sum()), len(known), len(values) - len(known), settings.level)
    return estimate(values, settings.seed, BAND, settings.level, BOUNDS[unit])


def points(study: Study, key: str, arms: Sequence[str]) -> pd.DataFrame:
    """Returns the values of the clients: one row per arm, client and turn, with the columns arm, turn, value."""
    found = [of_clients(study.turns(name), key)[["turn", key]].assign(arm=name) for name in arms]
    return pd.concat(found, ignore_index=True).rename(columns={key: "value"})
