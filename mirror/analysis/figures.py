"""The figures of a study: arms side by side, over turns, and compared with each other.

A color shows the variant; two arms of one variant differ in their markers. Each client is a point in arms with fewer
than 30 clients.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mirror.analysis.comparison import read_rows
from mirror.analysis.measures import ARROWS, Better
from mirror.figures import color_of, figure

MARKERS = "osD^vPX*"
LINES = ("-", "--", ":", "-.")
FEW = 30  # clients of an arm; with fewer, each is shown
CHARACTERS = 11.5  # of a title per inch
# Kinds of replies, from the warmest to the coldest; each reply is of one kind. These colors show no variant.
REACTIONS = {
    "named": ("name the feeling shown", "#2166AC"),
    "reflected": ("only take up the client's words in an open question", "#67A9CF"),
    "ignored": ("do none of these", "#D9D9D9"),
    "advised": ("advise a client who is not open", "#FDDBC7"),
    "repeated": ("repeat an earlier reply", "#EF8A62"),
    "empty": ("are empty", "#B2182B"),
}


@dataclass(frozen=True)
class Style:
    """The style of an arm in every figure.

    Attributes:
        color: of its variant, and of what its counselor saw.
        marker, line: Matplotlib's styles; they tell arms of one variant apart.
    """

    color: str
    marker: str
    line: str


class _Arm(NamedTuple):
    arm: str
    variant: str


class _Estimate(NamedTuple):
    measure: str
    arm: str
    mean: float
    low: float
    high: float
    n: int


class _Difference(NamedTuple):
    label: str
    better: Better
    arm: str
    other: str
    effect: float
    effect_low: float
    effect_high: float
    is_significant: bool
    note: str


def styles(arms: pd.DataFrame) -> dict[str, Style]:
    """Chooses a style for each arm.

    Args:
        arms: arm, variant; rows may repeat.
    """
    found: dict[str, Style] = {}
    used: dict[str, int] = {}
    for arm, variant in dict.fromkeys(read_rows(arms, _Arm)):
        kind = variant.partition(",")[0]
        place = used.get(kind, 0)
        found[arm] = Style(color_of(variant), MARKERS[place % len(MARKERS)], LINES[place % len(LINES)])
        used[kind] = place + 1
    return found


def tall_figure(rows: int, width: float = 7.6, row: float = 0.32) -> tuple[Figure, Axes]:
    """Creates an empty figure for a number of rows.

    Args:
        width, row: the width of the figure and the height of a row in inches.
    """
    return figure(width, 1.3 + row * rows)


def side_by_side(table: pd.DataFrame, points: pd.DataFrame, ax: Axes, title: str, quantity: str) -> Axes:
    """Draws one block per measure and one row per arm: the mean with its interval, in front of the clients.

    Args:
        table: measure, unit, arm, variant, mean, low, high, n and optionally chance (a level to compare with).
        points: measure, arm, value; one row per client.
        ax: where to draw.
        title: the claim.
        quantity: the axis label, with unit and direction. Shares are from 0 to 1 and shown in percent.
    """
    style, y = styles(table), 0.0
    ticks: list[tuple[float, str]] = []
    chances = table["chance"].tolist() if "chance" in table else [float("nan")] * len(table)
    heading = None
    for row, chance in zip(read_rows(table, _Estimate), chances, strict=True):
        if row.measure != heading:
            y -= 0.9 if ticks else 0
            heading = row.measure
            across = ax.get_yaxis_transform()
            ax.text(0, y + 0.62, row.measure, transform=across, fontsize=9.5, color="0.35", va="center")
        own = points.loc[(points["measure"] == row.measure) & (points["arm"] == row.arm), "value"].dropna().tolist()
        _draw_estimate(ax, y, row, style[row.arm], own)
        if not isnan(chance):
            ax.plot([chance] * 2, [y - 0.32, y + 0.32], color="0.35", linewidth=1.4)
        ticks.append((y, f"{row.arm}  (n = {row.n})"))
        y -= 1
    ax.set_yticks([place for place, _ in ticks], [label for _, label in ticks])
    ax.set_ylim(y + 0.3, 1.2)
    return _rows(ax, title, quantity, is_share=bool((table["unit"] == "share").all()), grid="x")


def _draw_estimate(ax: Axes, y: float, row: _Estimate, style: Style, values: Sequence[float]) -> None:
    """Draws the mean of an arm with its interval, in front of its values if they are few."""
    if 0 < len(values) < FEW:
        places = np.linspace(y - 0.24, y + 0.24, len(values)) if len(values) > 1 else [y]
        ax.plot(values, places, style.marker, color=style.color, alpha=0.3, markersize=4.5, markeredgewidth=0)
    if not isnan(row.low):
        ax.plot([row.low, row.high], [y, y], color=style.color, linewidth=2.2, solid_capstyle="butt")
    if not isnan(row.mean):
        ax.plot(row.mean, y, style.marker, color=style.color, markersize=8, markeredgecolor="white")


def over_turns(
    table: pd.DataFrame, points: pd.DataFrame, ax: Axes, title: str, quantity: str, is_share: bool = False
) -> Axes:
    """Draws the mean of each turn with its interval, one line per arm, in front of the clients.

    Args:
        table: arm, variant, turn, mean, low, high, n.
        points: arm, turn, value; one row per client and turn.
        ax: where to draw.
        title: the claim.
        quantity: the axis label, with unit and direction.
        is_share: whether values are 0 or 1; then clients are not drawn.
    """
    style = styles(table)
    for place, (arm, look) in enumerate(style.items()):
        rows, own = table.loc[table["arm"] == arm], points.loc[points["arm"] == arm].dropna()
        shift, has_interval = 0.09 * (place - (len(style) - 1) / 2), rows["low"].notna()
        color = look.color
        if not is_share and rows["n"].max() < FEW:
            x, values = own["turn"] + shift, own["value"]
            ax.plot(x, values, look.marker, color=color, alpha=0.25, markersize=4, markeredgewidth=0)
        ax.plot(rows["turn"] + shift, rows["mean"], look.line, marker=look.marker, color=color, label=arm)
        bars = rows.loc[has_interval]
        ax.vlines(bars["turn"] + shift, bars["low"], bars["high"], color=color, linewidth=1.3, alpha=0.5)
    ax.set_xlabel("turn")
    ax.set_ylabel(quantity)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if is_share:
        ax.yaxis.set_major_formatter(PercentFormatter(1, symbol="%"))
        ax.set_ylim(-0.03, 1.03)
    elif table["n"].max() < FEW:  # intervals of a few clients can be so long that their values would look flat
        low, high = points["value"].min(), points["value"].max()
        margin = 0.08 * (high - low + 0.01)
        low, high = low - margin, high + margin
        ax.set_ylim(low, high)
        for place, (arm, look) in enumerate(style.items()):  # a mark where the bar goes on beyond the plot
            rows, shift = table.loc[table["arm"] == arm], 0.09 * (place - (len(style) - 1) / 2)
            for turns, end, mark in (
                (rows["turn"][rows["low"] < low], low, 7),
                (rows["turn"][rows["high"] > high], high, 6),
            ):
                ax.plot(turns + shift, [end] * len(turns), linestyle="", marker=mark, color=look.color, clip_on=False)
    ax.legend(frameon=False, ncols=4, fontsize=9, loc="lower left", bbox_to_anchor=(-0.01, 1), borderaxespad=0.2)
    return _titled(ax, title)


def reactions(table: pd.DataFrame, ax: Axes, title: str) -> Axes:
    """Draws the shares of the kinds of replies as stacked bars, one per arm.

    Args:
        table: arm, reaction, share, replies; one row per arm and kind.
        ax: where to draw.
        title: the claim.
    """
    replies: dict[str, int] = dict(zip(table["arm"], table["replies"], strict=True))
    arms = list(replies)
    left = np.zeros(len(arms))
    for reaction, (label, color) in REACTIONS.items():
        shares = table.loc[table["reaction"] == reaction].set_index("arm")["share"].reindex(arms).fillna(0).to_numpy()
        if not shares.any():
            continue
        bars = ax.barh(range(len(arms)), shares, left=left, color=color, label=label, height=0.62, edgecolor="white")
        ink = "white" if color in ("#2166AC", "#B2182B") else "0.15"
        texts = [f"{100 * share:.0f}%" if share >= 0.06 else "" for share in shares]
        ax.bar_label(bars, texts, label_type="center", color=ink, fontsize=9)
        left = left + shares
    ax.set_yticks(range(len(arms)), [f"{arm}  ({count:,} replies)" for arm, count in replies.items()])
    ax.invert_yaxis()
    ax.figure.legend(frameon=False, ncols=2, fontsize=9, loc="outside lower left")
    return _rows(ax, title, "share of the counselor's replies", is_share=True, grid=None)


def differences(table: pd.DataFrame, ax: Axes, title: str) -> Axes:
    """Draws every comparison as an effect size with its interval, filled if it is significant after correction.

    The sign is reversed for outcomes where lower is better: the first arm is better on the right.

    Args:
        table: label, better, arm, other, variant (the first arm's), effect, effect_low, effect_high, is_significant,
            note (the text beside the marker).
        ax: where to draw.
        title: the claim.
    """
    style, y = styles(table), 0.0
    ticks: list[tuple[float, str]] = []
    headings: set[int] = set()
    pair = None
    for row in read_rows(table, _Difference):
        if (row.arm, row.other) != pair:
            y -= 1.4 if ticks else 0
            pair = row.arm, row.other
            headings.add(len(ticks))
            ticks.append((y, f"{row.arm} vs. {row.other}"))
        y -= 1
        _draw_difference(ax, y, row, style[row.arm])
        ticks.append((y, row.label + ARROWS[row.better]))
    ax.axvline(0, color="0.35", linewidth=1)
    ax.set_yticks([place for place, _ in ticks], [label for _, label in ticks])
    for place, label in enumerate(ax.get_yticklabels()):
        label.set_color("0.45" if place in headings else "0.15")
    ax.set_ylim(y - 0.6, 0.7)
    reach = max(float(table[["effect", "effect_low", "effect_high"]].abs().max().max()), 0.5) * 1.08
    ax.set_xlim(-reach, reach)
    quantity = "←  second arm better      first arm better  →\neffect size (Hedges' g of the paired differences)"
    return _rows(ax, title, quantity, is_share=False, grid="x")


def _draw_difference(ax: Axes, y: float, row: _Difference, style: Style) -> None:
    sign = -1 if row.better == "lower" else 1
    fill = style.color if row.is_significant else "white"
    ax.plot([sign * row.effect_low, sign * row.effect_high], [y, y], color=style.color, linewidth=1.8)
    ax.plot(sign * row.effect, y, style.marker, color=style.color, markerfacecolor=fill, markersize=7.5)
    ax.text(1.02, y, row.note, transform=ax.get_yaxis_transform(), fontsize=9, va="center", color="0.25")


def _rows(ax: Axes, title: str, quantity: str, is_share: bool, grid: Literal["x"] | None) -> Axes:
    """Applies the style of all figures with rows."""
    ax.set_xlabel(quantity)
    ax.tick_params(axis="y", length=0)
    ax.grid(False)
    if grid:
        ax.grid(axis=grid, color="0.9", linewidth=0.8)
    ax.spines["left"].set_visible(False)
    if is_share:
        ax.set_xlim(-0.02, 1.02)
        ax.xaxis.set_major_formatter(PercentFormatter(1, symbol="%"))
    return _titled(ax, title)


def _titled(ax: Axes, title: str) -> Axes:
    """Writes the title above the whole figure, from its left edge, as the labels of rows are long."""
    fig = ax.get_figure(root=True)
    if fig is None:
        raise ValueError("the axes belong to no figure")
    lines = textwrap.wrap(title, int(fig.get_figwidth() * CHARACTERS))
    fig.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=11)
    return ax
