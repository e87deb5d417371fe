"""The figures of a study: arms side by side, over turns, and compared with each other. The titles are passed in.

A colour stands for a variant; two arms of one variant differ in their markers. Points are clients, shown where an arm
has fewer than 30.
"""

import textwrap
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from mirror.analysis.measures import ARROWS
from mirror.figures import COLOURS, figure

VARIANT_COLOURS = COLOURS | {"chat model": "#D55E00"}
MARKS = "osD^vPX*"
LINES = ("-", "--", ":", "-.")
FEW = 30  # clients of an arm, below which each is shown
CHARACTERS = 11.5  # of a title to an inch
# Kinds of replies, from the warmest to the coldest, each reply in one of them; these colours stand for no variant.
REACTIONS = {
    "named": ("name the feeling shown", "#2166AC"),
    "reflected": ("only take up the client's words in an open question", "#67A9CF"),
    "ignored": ("do none of these", "#D9D9D9"),
    "advised": ("advise a client who is not open", "#FDDBC7"),
    "repeated": ("repeat an earlier reply", "#EF8A62"),
    "empty": ("are empty", "#B2182B"),
}


@dataclass(frozen=True)
class Look:
    """How an arm looks in every figure."""

    colour: str
    mark: str
    line: str


def looks(arms: pd.DataFrame) -> dict[str, Look]:
    """By arm. `arms` has the columns arm and variant; rows may repeat."""
    found: dict[str, Look] = {}
    seen: dict[str, int] = {}
    for arm, variant in arms[["arm", "variant"]].drop_duplicates().itertuples(index=False):
        place = seen.setdefault(variant, 0)
        found[arm] = Look(VARIANT_COLOURS[variant], MARKS[place % len(MARKS)], LINES[place % len(LINES)])
        seen[variant] += 1
    return found


def tall_figure(rows: int, width: float = 7.6, row: float = 0.32) -> tuple[Figure, Axes]:
    """A figure for `rows` rows; sizes in inches."""
    return figure(width, 1.3 + row * rows)


def side_by_side(table: pd.DataFrame, points: pd.DataFrame, ax: Axes, title: str, quantity: str) -> Axes:
    """One block per measure, one row per arm: the mean with its interval, behind it the clients.

    Args:
        table: measure, arm, variant, mean, low, high, n and, where there is a level to compare with, chance.
        points: measure, arm, value; one row per client.
        quantity: the axis label, with unit and direction. Shares are from 0 to 1 and shown in percent.
    """
    style, y, ticks = looks(table), 0.0, []
    for measure, block in table.groupby("measure", sort=False):
        start = y
        for row in block.itertuples():
            look = style[row.arm]
            own = points[(points.measure == measure) & (points.arm == row.arm)].value.dropna()
            if 0 < len(own) < FEW:
                places = np.linspace(y - 0.24, y + 0.24, len(own)) if len(own) > 1 else [y]
                ax.plot(own, places, look.mark, color=look.colour, alpha=0.3, markersize=4.5, markeredgewidth=0)
            if pd.notna(row.low):
                ax.plot([row.low, row.high], [y, y], color=look.colour, linewidth=2.2, solid_capstyle="butt")
            if pd.notna(row.mean):
                ax.plot(row.mean, y, look.mark, color=look.colour, markersize=8, markeredgecolor="white")
            if pd.notna(getattr(row, "chance", float("nan"))):
                ax.plot([row.chance] * 2, [y - 0.32, y + 0.32], color="0.35", linewidth=1.4)
            ticks.append((y, f"{row.arm}  (n = {row.n})"))
            y -= 1
        ax.text(0, start + 0.62, measure, transform=ax.get_yaxis_transform(), fontsize=9.5, color="0.35", va="center")
        y -= 0.9
    ax.set_yticks(*map(list, zip(*ticks, strict=True)))
    ax.set_ylim(y + 1.2, 1.2)
    return _rows(ax, title, quantity, is_share=bool((table["unit"] == "share").all()), grid="x")


def over_turns(
    table: pd.DataFrame, points: pd.DataFrame, ax: Axes, title: str, quantity: str, is_share: bool = False
) -> Axes:
    """The mean of each turn with its interval, one line per arm; behind it the clients, unless values are yes or no.

    Args:
        table: arm, variant, turn, mean, low, high, n.
        points: arm, turn, value; one row per client and turn.
    """
    style = looks(table)
    for place, (arm, rows) in enumerate(table.groupby("arm", sort=False)):
        look, shift = style[arm], 0.09 * (place - (len(style) - 1) / 2)
        own, known = points[points.arm == arm].dropna(), rows.low.notna()
        if not is_share and rows.n.max() < FEW:
            ax.plot(
                own.turn + shift, own.value, look.mark, color=look.colour, alpha=0.25, markersize=4, markeredgewidth=0
            )
        ax.plot(rows.turn + shift, rows["mean"], look.line, marker=look.mark, color=look.colour, label=arm)
        bars = rows.turn[known] + shift, rows.low[known], rows.high[known]
        ax.vlines(*bars, color=look.colour, linewidth=1.3, alpha=0.5)
    ax.set_xlabel("turn")
    ax.set_ylabel(quantity)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if is_share:
        ax.yaxis.set_major_formatter(PercentFormatter(1, symbol="%"))
        ax.set_ylim(-0.03, 1.03)
    elif table.n.max() < FEW:  # a few clients have intervals of any length, beside which their values would be a line
        ends = points.value.min(), points.value.max()
        ax.set_ylim(ends[0] - 0.08 * (ends[1] - ends[0] + 0.01), ends[1] + 0.08 * (ends[1] - ends[0] + 0.01))
    ax.legend(frameon=False, ncols=4, fontsize=9, loc="lower left", bbox_to_anchor=(-0.01, 1), borderaxespad=0.2)
    return _titled(ax, title)


def reactions(table: pd.DataFrame, ax: Axes, title: str) -> Axes:
    """Stacked shares of the kinds of replies. `table`: arm, reaction, share, replies; one row each."""
    arms = list(dict.fromkeys(table.arm))
    for reaction, (label, colour) in REACTIONS.items():
        of_it = table[table.reaction == reaction].set_index("arm").share.reindex(arms).fillna(0)
        before = table[table.reaction.isin(list(REACTIONS)[: list(REACTIONS).index(reaction)])]
        left = before.groupby("arm").share.sum().reindex(arms).fillna(0)
        if not of_it.any():
            continue
        bars = ax.barh(range(len(arms)), of_it, left=left, color=colour, label=label, height=0.62, edgecolor="white")
        ink = "white" if colour in ("#2166AC", "#B2182B") else "0.15"
        ax.bar_label(
            bars, [f"{100 * s:.0f}%" if s >= 0.06 else "" for s in of_it], label_type="center", color=ink, fontsize=9
        )
    replies = table.drop_duplicates("arm").set_index("arm").replies
    ax.set_yticks(range(len(arms)), [f"{arm}  ({replies[arm]:,} replies)" for arm in arms])
    ax.invert_yaxis()
    ax.figure.legend(frameon=False, ncols=2, fontsize=9, loc="outside lower left")
    return _rows(ax, title, "share of the counselor's replies", is_share=True, grid="")


def differences(table: pd.DataFrame, ax: Axes, title: str) -> Axes:
    """Every comparison as its effect size with interval, turned so that on the right the first arm is better.

    Filled: significant after the correction.

    Args:
        table: label, better, arm, other, variant (the first arm's), effect, effect_low, effect_high, is_significant,
            note (the text beside the mark).
    """
    style, y, ticks, headings = looks(table), 0.0, [], set()
    for (arm, other), rows in table.groupby(["arm", "other"], sort=False):
        headings.add(len(ticks))
        ticks.append((y, f"{arm} vs. {other}"))
        for row in rows.itertuples():
            y -= 1
            look = style[arm]
            fill = look.colour if row.is_significant else "white"
            sign = -1 if row.better == "lower" else 1
            ax.plot([sign * row.effect_low, sign * row.effect_high], [y, y], color=look.colour, linewidth=1.8)
            ax.plot(sign * row.effect, y, look.mark, color=look.colour, markerfacecolor=fill, markersize=7.5)
            ax.text(1.02, y, row.note, transform=ax.get_yaxis_transform(), fontsize=9, va="center", color="0.25")
            ticks.append((y, row.label + ARROWS[row.better]))
        y -= 1.4
    ax.axvline(0, color="0.35", linewidth=1)
    ax.set_yticks(*map(list, zip(*ticks, strict=True)))
    for place, label in enumerate(ax.get_yticklabels()):
        label.set_color("0.45" if place in headings else "0.15")
    ax.set_ylim(y + 0.8, 0.7)
    reach = max(table[["effect", "effect_low", "effect_high"]].abs().max().max(), 0.5) * 1.08
    ax.set_xlim(-reach, reach)
    quantity = "←  second arm better      first arm better  →\neffect size (Hedges' g of the paired differences)"
    return _rows(ax, title, quantity, False, "x")


def _rows(ax: Axes, title: str, quantity: str, is_share: bool, grid: str) -> Axes:
    """The style of all figures with rows."""
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
    """The claim above the whole figure, from its left edge; labels of rows are long."""
    width = int(ax.figure.get_figwidth() * CHARACTERS)
    lines = textwrap.wrap(title, width)
    ax.figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=11)
    return ax
