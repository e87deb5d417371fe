"""Draws the features of sessions side by side with those of real ones: one small panel per measure."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mirror.analysis.comparison import read_rows
from mirror.analysis.figures import Style, styles
from mirror.analysis.realism.features import FEATURES, TOPICS_BY_TURN
from mirror.figures import figure

COLUMNS = 4
REAL = "0.55"  # the gray of real sessions


class _Row(NamedTuple):
    arm: str
    mean: float
    low: float
    high: float


def draw(table: pd.DataFrame, reference: pd.DataFrame | None) -> Figure:
    """Draws one panel per measure.

    Args:
        table: as `mirror.analysis.realism.report.numbers` returns it.
        reference: as `mirror.analysis.realism.reference.read_reference` returns it; None: no real sessions.
    """
    fig, first = figure(11, 5.6)
    first.remove()
    grid = fig.subplots(2, COLUMNS)
    axes = grid.ravel().tolist()
    style = styles(table)
    real = pd.DataFrame(columns=["measure", "turn", "mean", "sd"]) if reference is None else reference
    for ax, (measure, (label, unit)) in zip(axes, FEATURES.items(), strict=False):
        _panel(ax, table.loc[table["measure"] == measure], real.loc[real["measure"] == measure], style)
        ax.set_title(label, fontsize=9, loc="left")
        if ax not in grid[:, 0]:  # the names of the arms stand once per row of panels
            ax.tick_params(labelleft=False)
        if unit == "share":
            ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    by_turn = TOPICS_BY_TURN
    _topics(axes[-1], table.loc[table["measure"] == by_turn], real.loc[real["measure"] == by_turn], style)
    return fig


def _panel(ax: Axes, rows: pd.DataFrame, real: pd.DataFrame, style: dict[str, Style]) -> None:
    """One row per arm; real sessions as a band behind them."""
    for mean, sd in zip(real["mean"], real["sd"], strict=True):
        ax.axvline(mean, color=REAL, linewidth=1.4)
        if not np.isnan(sd):
            ax.axvspan(mean - sd, mean + sd, color=REAL, alpha=0.18, linewidth=0)
    for place, row in enumerate(read_rows(rows, _Row)):
        own = style[row.arm]
        ax.plot([row.low, row.high], [-place] * 2, color=own.color, linewidth=2.2, solid_capstyle="butt")
        ax.plot([row.mean], [-place], own.marker, color=own.color, markersize=7)
    ax.set_yticks([-place for place in range(len(rows))], rows["arm"].tolist(), fontsize=8)
    ax.set_ylim(-len(rows) + 0.4, 0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.margins(x=0.12)


def _topics(ax: Axes, rows: pd.DataFrame, real: pd.DataFrame, style: dict[str, Style]) -> None:
    """Different topics by turn: one line per arm, real sessions in gray."""
    real = real.sort_values("turn")
    if len(real):
        ax.plot(real["turn"], real["mean"], color=REAL, linewidth=2, label="real sessions")
        low, high = real["mean"] - real["sd"], real["mean"] + real["sd"]
        ax.fill_between(real["turn"].astype(float), low.astype(float), high.astype(float), color=REAL, alpha=0.18, lw=0)
    for arm, own in rows.groupby("arm", sort=False):
        look = style[str(arm)]
        ax.plot(own["turn"], own["mean"], look.line, marker=look.marker, color=look.color, markersize=4, label=str(arm))
    ax.set_title("topics disclosed by turn", fontsize=9, loc="left")
    ax.set_xlabel("turn", fontsize=9)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(fontsize=7, frameon=False)
