"""States how the sessions of a study compare with real ones, as a finding with its table and figure."""

from math import isnan
from typing import NamedTuple

import pandas as pd

from mirror.analysis import claims
from mirror.analysis.comparison import read_rows
from mirror.analysis.finding import Finding
from mirror.analysis.metrics import by_client
from mirror.analysis.realism.features import FEATURES, TOPICS_BY_TURN, session_features, topics_by_turn
from mirror.analysis.realism.figure import draw
from mirror.analysis.realism.reference import read_reference
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.study import Study
from mirror.paths import input_path
from mirror.statistics import UNBOUNDED, estimate

BAND = 1000  # resamples for one interval; the figure has many of them
NAME = "realism"


class _Judged(NamedTuple):
    measure: str
    mean: float
    real_mean: float
    real_sd: float


def realism(study: Study, settings: AnalyseSettings) -> Finding:
    """Compares the complete sessions with the numbers of `reference_sessions`, if it is given.

    Raises:
        RealSessionsError: the file holds no such numbers.
    """
    named = settings.reference_sessions
    reference = read_reference(input_path(named)) if named else None
    table = numbers(study, settings)
    if table.empty:
        return Finding(NAME, f"**{claims.NONE_COMPLETE}**")
    caption = f"Markers: means over clients; bars: {claims.percent(settings.level)} bootstrap intervals over clients. "
    if reference is None:
        claim = "**How long sessions are, and who says how much.** No real sessions are given to compare with "
        claim += "(`reference_sessions`)."
        return Finding(NAME, claim, caption.strip(), table, draw(table, None))
    claim = f"**{_verdict(table, reference)}**"
    sources = "; ".join(dict.fromkeys(filter(None, reference["source"]))) or "no source given"
    caption += f"Gray: real sessions, mean and one standard deviation ({sources})."
    return Finding(NAME, claim, caption, _with_reference(table, reference), draw(table, reference))


def numbers(study: Study, settings: AnalyseSettings) -> pd.DataFrame:
    """The features of the complete sessions: one row per arm and measure, and per arm and turn for topics.

    Returns:
        The columns arm, variant, measure, turn (NaN for a whole session), mean, low, high, n.
    """
    rows = []
    for arm in study.arms:
        folders = {session.folder.name: session for session in arm.sessions}
        names = pd.Series(folders.keys())
        sessions = {name: folders[name].turns() for name in names[study.counts(arm.name, names)]}
        features = [session_features(turns) for turns in sessions.values()]
        values = by_client(pd.DataFrame(features, list(sessions), list(FEATURES)))
        for measure, (_, unit) in FEATURES.items():
            rows.append((arm, measure, float("nan"), values[measure], (0, 1) if unit == "share" else UNBOUNDED))
        topics = {name: topics_by_turn(turns) for name, turns in sessions.items()}
        for turn in range(max(map(len, topics.values()), default=0)):
            reached = pd.Series({name: float(counts[turn]) for name, counts in topics.items() if len(counts) > turn})
            rows.append((arm, TOPICS_BY_TURN, float(turn + 1), by_client(reached), UNBOUNDED))
    found = [
        {"arm": arm.name, "variant": arm.variant, "measure": measure, "turn": turn}
        | estimate(values, settings.seed, BAND, settings.level, bounds)._asdict()
        for arm, measure, turn, values, bounds in rows
        if values.notna().any()
    ]
    return pd.DataFrame(found, columns=["arm", "variant", "measure", "turn", "mean", "low", "high", "n"])


def _with_reference(table: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    real = reference.rename(columns={"mean": "real_mean", "sd": "real_sd", "n": "real_n"}).drop(columns="source")
    return table.merge(real, on=["measure", "turn"], how="left")


def _verdict(table: pd.DataFrame, reference: pd.DataFrame) -> str:
    """In how many measures the arms lie within one standard deviation of real sessions, and where they do not."""
    both = _with_reference(table, reference)
    both = both.loc[both["turn"].isna() & both["real_sd"].notna()]
    if both.empty:
        return "The real sessions have no standard deviation of a whole session's measure, so nothing is judged"
    parts = []
    for arm, rows in both.groupby("arm", sort=False):
        off = [
            f"{FEATURES[row.measure][0]}, {'above' if row.mean > row.real_mean else 'below'}"
            for row in read_rows(rows, _Judged)
            if not isnan(row.mean) and abs(row.mean - row.real_mean) > row.real_sd
        ]
        outside = f" (not {claims.joined(off)})" if off else ""
        parts.append(f"{len(rows) - len(off)} of {len(rows)} measures in {arm}{outside}")
    return f"Within one standard deviation of real sessions: {'; '.join(parts)}"
