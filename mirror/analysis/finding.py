"""A result: a sentence with its table, its figure and the figure's caption. Rendered in notebooks, written to files."""

import re
from base64 import b64encode
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
from IPython.display import HTML, Markdown, display
from matplotlib.figure import Figure

from mirror.analysis.claims import counts, percent
from mirror.analysis.figures import FEW
from mirror.figures import png, save
from mirror.files.atomic import write_text
from mirror.files.csv_file import csv_text


@dataclass(frozen=True)
class Finding:
    """One result.

    Attributes:
        name: the name of its files.
        claim: the result in words, with its numbers and their uncertainty, in Markdown.
        caption: the figure's caption: n, and the meaning of markers and bars.
        table: the numbers of the figure; None without numbers.
        figure: None if there is nothing to draw.
    """

    name: str
    claim: str
    caption: str = ""
    table: pd.DataFrame | None = None
    figure: Figure | None = None

    def save(self, folder: Path) -> "Finding":
        """Writes `figures/<name>.png` and `.pdf`, and the numbers as `.csv`; removes those of an earlier analysis."""
        for ending in ("png", "pdf", "csv"):
            (folder / "figures" / f"{self.name}.{ending}").unlink(missing_ok=True)
        if self.figure:
            save(self.figure, folder / "figures", self.name)
        if self.table is not None:
            write_text(folder / "figures" / f"{self.name}.csv", csv_text(self.table))
        return self

    @property
    def alternative(self) -> str:
        """The figure in words for those who do not see it, in a notebook and in a page made of it."""
        first = self.claim.partition("\n\n")[0]
        return "Figure: " + " ".join(re.sub(r"[*`\\]", "", first).split())

    def _ipython_display_(self) -> None:
        display(Markdown(self.claim))
        if self.figure:
            data = b64encode(png(self.figure)).decode()
            source, words = f"data:image/png;base64,{data}", escape(self.alternative)
            display(HTML(f'<img src="{source}" alt="{words}" style="max-width: 100%">'))
        if self.caption:
            display(Markdown(f"*{self.caption}*"))


# Captions: what markers and bars mean, and n --------------------------------------------------------------------------


def estimates_caption(markers: str, table: pd.DataFrame, points: pd.DataFrame, level: float) -> str:
    """Captions arms side by side.

    Args:
        markers: what the markers mean.
        table, points: as `mirror.analysis.comparison.by_arm` returns them.
        level: of the intervals.
    """
    bars = f"bars: {percent(level)} bootstrap intervals over clients"
    has_interval = table["low"].notna().any()
    faint = "; faint: each client" if points.dropna()["arm"].value_counts().max() < FEW else ""
    return f"{markers}; {bars if has_interval else 'no intervals, as no two clients differ'}{faint}."


def turns_caption(table: pd.DataFrame, n: str, level: float, is_share: bool) -> str:
    """Captions values turn by turn.

    Args:
        table: as `mirror.analysis.turnwise.per_turn` returns it.
        n: the numbers of clients in words.
        level: of the intervals.
        is_share: whether values are 0 or 1.
    """
    method = "Wilson" if is_share else "bootstrap over clients"
    is_cut = not is_share and table["n"].max() < FEW
    faint = "; faint: each client; triangles at the edge: the bar goes on" if is_cut else ""
    return (
        f"Markers: means over the clients who have this turn; bars: {percent(level)} intervals of each turn "
        f"({method}){faint}. Per turn, {n}. Halves are compared within clients, p corrected over arms (Holm)."
    )


def differences_caption(drawn: pd.DataFrame, tested: int, not_drawn: int, level: float) -> str:
    """Captions comparisons as effect sizes.

    Args:
        drawn: the comparisons in the figure.
        tested: the number of comparisons that p is corrected for.
        not_drawn: the number of comparisons without an effect size.
        level: of the intervals; p is significant below 1 - level.
    """
    caption = (
        f"Markers: Hedges' g of the same clients' differences, filled where p < {1 - level:.2g} after Holm's "
        f"correction for {tested} comparisons; bars: {percent(level)} bootstrap intervals, not corrected; "
        f"n = {counts(drawn['n'].tolist())}. The sign of g is reversed for outcomes where lower is better (↓): right "
        "is always better for the first arm. Beside the bars: both means, corrected p."
    )
    if not_drawn:
        caption += f" Not drawn: {not_drawn} comparisons without an effect size (too few clients, or the same "
        caption += "difference for every client)."
    return caption
