"""The figure of a comparison of painters: speed against acceptance."""

import textwrap
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

# The palette of Okabe and Ito; painters are told apart by their names, too.
COLORS = ("#000000", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9")


class _Painter(NamedTuple):
    painter: str
    clients: int
    faces: int
    at_once: float
    accepted: float
    accepted_low: float
    accepted_high: float
    accepted_per_second: float


def speed_against_acceptance(
    table: pd.DataFrame, ax: Axes, title: str, attempts: int, unit: str, enough: float
) -> Axes:
    """Draws each painter's accepted faces per second against the share of faces that are accepted.

    Args:
        table: painter, clients, faces (their numbers), at_once, accepted with its ends _low and _high,
            accepted_per_second; one row per painter.
        ax: where to draw.
        title: the claim.
        attempts: per face at most.
        unit: of the seconds: `CPU` or `GPU`.
        enough: the share that is required, drawn as a line.
    """
    rows = [_Painter(*values) for values in table[list(_Painter._fields)].itertuples(index=False)]
    for number, row in enumerate(rows):
        color, x = COLORS[number % len(COLORS)], row.accepted_per_second
        reach = [[max(row.accepted - row.accepted_low, 0)], [max(row.accepted_high - row.accepted, 0)]]
        ax.plot([x, x], [row.at_once, row.accepted], color=color, linewidth=0.8, linestyle=":")
        ax.plot([x], [row.at_once], "o", color=color, markerfacecolor="white", markersize=9)
        ax.errorbar([x], [row.accepted], reach, fmt="o", color=color, capsize=3, markersize=5, label=row.painter)
    ax.axhline(enough, color="0.5", linestyle="--", linewidth=1)
    ax.set_title(textwrap.fill(title, 90), loc="left", pad=22)
    caption = (
        f"rings: accepted at once; dots: within {attempts} attempts, with the interval over {rows[0].clients} clients; "
        f"{rows[0].faces:,} faces each; dashed: required of the interval"
    )
    ax.text(0, 1.03, caption, transform=ax.transAxes, fontsize=8, color="0.35")
    ax.set_xlabel(f"accepted faces per {unit} second (right is faster)")
    ax.set_ylabel("share of faces accepted (up is better)")
    lowest = min(min(row.at_once, row.accepted_low) for row in rows)
    ax.set_xlim(0, 1.15 * max(row.accepted_per_second for row in rows))
    ax.set_ylim(max(np.nanmin([lowest, enough]) - 0.05, 0), 1.015)
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return ax
