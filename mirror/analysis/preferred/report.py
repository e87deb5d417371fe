"""States which arm is preferred on the same clients, as a finding with its table and figure."""

from collections.abc import Sequence
from math import isnan
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from mirror.analysis import figures as draw
from mirror.analysis.claims import amount, counted, joined, p_value, percent
from mirror.analysis.comparison import read_rows
from mirror.analysis.finding import Finding
from mirror.analysis.preferred.shares import LeftOut, ShareRow, answers_that_count, preference_shares
from mirror.analysis.registration.verdict import EXPLORATORY
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.study import Study
from mirror.analysis.tables import literal, markdown, write_table
from mirror.rating.ratings import HUMANS

NAME, TABLE = "preferred", "preferences"
NONE_NAMED = "No answers on pairs of sessions are given (`preferences`)."
NONE_COUNTS = "No answer on a pair of these arms counts, so nothing can be said of preferences."
COLUMNS = (
    "*preferred* is the share of clients for whom the first arm is preferred (50%: no difference), each with the mean "
    "of its answers; *answers* are those for the first arm, for neither and for the second; *p* is corrected for "
    "all rows (Holm)."
)
QUANTITY = "share of clients for whom an arm is preferred (50%: no difference)"


def preferred(study: Study, settings: AnalyseSettings, folder: Path) -> Finding:
    """States who is preferred by whom, from the answers in the folders of `preferences`.

    Args:
        study: the arms.
        settings: the folders, who counts, and how intervals are estimated.
        folder: of the table `preferences`, which is removed without answers.

    Raises:
        JsonLinesError: a file of answers has an invalid line.
    """
    write_table(folder, TABLE, pd.DataFrame())
    if not settings.preference_folders:
        return Finding(NAME, f"**{NONE_NAMED}**")
    answers, left_out = answers_that_count(study, settings.preference_folders, settings)
    table = preference_shares(answers, study, settings)
    rows = read_rows(table, ShareRow)
    if not any(row.n for row in rows):
        return Finding(NAME, "\n\n".join([f"**{NONE_COUNTS}**", *_left_out(left_out, settings)]), table=table)
    write_table(folder, TABLE, shares_table(rows))
    verdict = " ".join(sentence(row, settings.level) for row in rows)
    parts = [f"**{literal(verdict)}**", EXPLORATORY if settings.registration else "", COLUMNS]
    parts += [markdown(shares_table(rows)), *_left_out(left_out, settings)]
    caption = (
        f"Markers: shares over clients; bars: {percent(settings.level)} bootstrap intervals, not corrected; "
        "vertical lines: no difference."
    )
    return Finding(NAME, "\n\n".join(filter(None, parts)), caption, table, _figure(rows))


def _left_out(left_out: LeftOut, settings: AnalyseSettings) -> list[str]:
    """States how many answers do not count, and why."""
    of_runs, of_sessions, of_raters = (counted(number, "answer") for number in left_out)
    parts = [
        f"{of_runs} on other runs than these" if left_out.other_runs else "",
        f"{of_sessions} on sessions that do not count in both arms" if left_out.sessions else "",
        f"{of_raters} by raters that do not count (`raters` is `{settings.raters}`)" if left_out.raters else "",
    ]
    return [f"Left out: {joined(filter(None, parts))}."] if any(left_out) else []


def sentence(row: ShareRow, level: float) -> str:
    """States one row: who is preferred, the share with its interval, p and n."""
    who = "People" if row.judge == HUMANS else row.judge
    verb = "prefer" if row.judge == HUMANS else "prefers"
    of = f"{row.arm} and {row.other} ({row.item})"
    if row.n < 2 or isnan(row.share):
        return f"{who}: {of} cannot be compared; {counted(row.n, 'client')} with an answer."
    numbers = f"{amount(row.share, 'share')} of clients for {row.arm}, {_interval(row, level)}, "
    numbers += f"{p_value(row.p_adjusted)}, n = {row.n}"
    if row.least_p >= 1 - level:
        return f"{who}: so few clients cannot show a significant preference between {of}: {numbers}."
    if not row.is_significant:
        return f"{who}: no significant preference between {of}: {numbers}."
    better, worse = (row.arm, row.other) if row.share > 0.5 else (row.other, row.arm)
    return f"{who} {verb} {better} to {worse} ({row.item}): {numbers}."


def _interval(row: ShareRow, level: float) -> str:
    if isnan(row.low):
        return "the same for every client, so without an interval"
    return f"{percent(level)} CI {_ends(row)}"


def _ends(row: ShareRow) -> str:
    return f"{amount(row.low, 'share').removesuffix('%')} to {amount(row.high, 'share')}"


def shares_table(rows: Sequence[ShareRow]) -> pd.DataFrame:
    """Formats shares for reading."""
    return pd.DataFrame(
        [
            {
                "arms": f"{row.arm} vs. {row.other}",
                "question": f"{row.instrument}: {row.item}",
                "by": row.judge,
                "n": row.n,
                "missing": row.missing,
                "preferred": "–" if isnan(row.share) else amount(row.share, "share"),
                "interval": "–" if isnan(row.low) else _ends(row),
                "p (Holm)": "–"
                if isnan(row.p_adjusted)
                else p_value(row.p_adjusted).removeprefix("p ").removeprefix("= "),
                "answers": f"{row.wins}, {row.ties}, {row.losses}",
            }
            for row in rows
        ]
    )


def _figure(rows: Sequence[ShareRow]) -> Figure:
    """Draws both arms of each pair, the one's share beside what it leaves to the other."""
    sides = []
    for row in rows:
        asked = {"measure": f"{row.item} ({row.judge}): {row.arm} or {row.other}", "unit": "share", "n": row.n}
        ends = {"arm": row.arm, "variant": row.variant, "mean": row.share, "low": row.low, "high": row.high}
        turned = {"arm": row.other, "variant": row.other_variant, "mean": 1 - row.share}
        sides += [asked | ends, asked | turned | {"low": 1 - row.high, "high": 1 - row.low}]
    table = pd.DataFrame(sides).assign(chance=0.5)
    fig, ax = draw.tall_figure(len(table) + len(rows))
    draw.side_by_side(table, pd.DataFrame(columns=["measure", "arm", "value"]), ax, _title(rows), QUANTITY)
    return fig


def _title(rows: Sequence[ShareRow]) -> str:
    significant = sum(row.is_significant for row in rows)
    return f"{significant} of {counted(len(rows), 'preference')} {'is' if significant == 1 else 'are'} significant"
