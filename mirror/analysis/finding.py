"""A result: sentence, table, figure. Renders in notebooks, and is written to files."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from IPython.display import Image, Markdown, display

from mirror.figures import Figure, png, save
from mirror.files.atomic import write_text
from mirror.files.csv_file import csv_text


@dataclass(frozen=True)
class Finding:
    """One result.

    Attributes:
        name: of its files.
        claim: the result in words, with its numbers and their uncertainty; Markdown.
        caption: of the figure: n, the meaning of markers and bars.
        table: the numbers of the figure.
        figure: None where there is nothing to draw.
    """

    name: str
    claim: str
    caption: str = ""
    table: pd.DataFrame | None = None
    figure: Figure | None = None

    def save(self, folder: Path) -> "Finding":
        """Writes `figures/<name>.png`, `.pdf` and the numbers as `.csv`; removes those of an earlier analysis."""
        for ending in ("png", "pdf", "csv"):
            (folder / "figures" / f"{self.name}.{ending}").unlink(missing_ok=True)
        if self.figure:
            save(self.figure, folder / "figures", self.name)
        if self.table is not None:
            write_text(folder / "figures" / f"{self.name}.csv", csv_text(self.table))
        return self

    def _ipython_display_(self) -> None:
        display(Markdown(self.claim))
        if self.figure:
            display(Image(png(self.figure)))
        if self.caption:
            display(Markdown(f"*{self.caption}*"))
