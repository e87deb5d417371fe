"""A comparison for readers: the table with its intervals as text, and the summary of the run."""

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mirror.painting.report.recommendation import AS_FAST, Recommendation
from mirror.painting.settings import PaintSettings
from mirror.painting.stopwatch import Stopwatch

SUMMARY = """# Which painter is fast enough, and still paints the person?

{recommendation}

{speed}

{likeness}

{clients} clients, {faces} faces per painter, seed {seed}, on {hardware}. In brackets: the {level:.0%} interval over
clients, or over faces where all clients are alike. Seconds are of painting and filters, and rejected attempts count.
Identity, relevance and nsfw are the scores of first attempts, which no filter has selected; *difference* is that of the
identity to {reference}, paired over clients. *Taken for another client*: first attempts that the identity filter
accepts with another client's portrait. *Without portrait*: faces painted from the text alone that it accepts. *Distance
from the first*: of first attempts from the pictures of {reference} of the same noise, in gray levels.

The rule: the fastest painter of which at least {enough:.0%} of faces are accepted within {attempts} attempts (low end
of the interval), whose identity is at most {margin:g} below the reference's (low end of the difference's interval),
and of whose faces at most {strangers:.0%} pass in either control; the reference if there is none. Of
painters whose speed differs by {as_fast:.0%} at most, the one whose pictures are closest to the reference's.
"""


def speed_table(table: pd.DataFrame, attempts: int, unit: str) -> pd.DataFrame:
    """Speed and acceptance as text, one row per painter.

    Args:
        table: as `mirror.painting.report.comparison.compare` returns it.
        attempts: per face at most.
        unit: of the seconds: `CPU` or `GPU`.
    """
    return pd.DataFrame(
        {
            "painter": row["painter"],
            f"accepted faces per {unit} second": f"{row['accepted_per_second']:.3g}",
            "times the first": f"{row['speedup']:.2f}",
            f"{unit} seconds per painted face": f"{row['seconds_per_painted_face']:.3g}",
            "attempts per accepted face": f"{row['attempts_per_accepted_face']:.2f}",
            "network evaluations per face": f"{row['evaluations']:,}",
            "accepted at once": _share(row, "at_once"),
            f"accepted within {attempts} attempts": _share(row, "accepted"),
        }
        for row in table.to_dict("records")
    )


def likeness_table(table: pd.DataFrame) -> pd.DataFrame:
    """The scores of first attempts and both controls as text, one row per painter.

    Args:
        table: as for `speed_table`.
    """
    return pd.DataFrame(
        {
            "painter": row["painter"],
            "identity": _score(row, "identity"),
            "difference": _signed(row, "identity_difference"),
            "relevance": _score(row, "relevance"),
            "nsfw": _score(row, "safety"),
            "taken for another client": _share(row, "swapped"),
            "without portrait taken for the client": _share(row, "without_person"),
            "distance from the first": f"{row['distance']:.1f}",
        }
        for row in table.to_dict("records")
    )


def _share(row: Mapping[Hashable, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:.1%}" + ("" if np.isnan(low) else f" ({low:.0%} to {high:.0%})")


def _score(row: Mapping[Hashable, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:.3f}" + ("" if np.isnan(low) else f" ({low:.3f} to {high:.3f})")


def _signed(row: Mapping[Hashable, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return f"{row[name]:+.3f}" + ("" if np.isnan(low) else f" ({low:+.3f} to {high:+.3f})")


def summary_text(
    table: pd.DataFrame, recommendation: Recommendation, settings: PaintSettings, stopwatch: Stopwatch
) -> str:
    """The summary in Markdown.

    Args:
        table: as `mirror.painting.report.comparison.compare` returns it.
        recommendation: what follows from it.
        settings: of the run.
        stopwatch: that measured.
    """
    return SUMMARY.format(
        recommendation=recommendation.text,
        speed=_markdown(speed_table(table, settings.attempts, stopwatch.unit)),
        likeness=_markdown(likeness_table(table)),
        clients=table["clients"].iloc[0],
        faces=table["faces"].iloc[0],
        seed=settings.seed,
        hardware=stopwatch.hardware,
        level=settings.level,
        reference=table["painter"].iloc[0],
        unit=stopwatch.unit,
        enough=settings.enough,
        attempts=settings.attempts,
        margin=settings.identity_margin,
        strangers=settings.most_strangers,
        as_fast=AS_FAST,
    )


def _markdown(table: pd.DataFrame) -> str:
    rows = [list(table.columns), ["---"] * len(table.columns), *table.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
