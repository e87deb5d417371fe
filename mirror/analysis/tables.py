"""Tables of a study, formatted for reading and written as CSV, LaTeX, JSON and Markdown."""

from collections.abc import Mapping
from math import inf, isnan
from pathlib import Path
from typing import Any

import pandas as pd

from mirror.analysis.claims import amount, p_value
from mirror.analysis.comparison import ArmRow, ComparisonRow, read_rows
from mirror.analysis.measures import ARROWS
from mirror.analysis.metrics import Metrics
from mirror.files.atomic import write_text
from mirror.files.csv_file import csv_text


def write_table(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Writes `<name>.csv` and `<name>.tex` (booktabs) into `folder`; removes both if the table is empty."""
    if not len(table):
        for ending in ("csv", "tex"):
            (folder / f"{name}.{ending}").unlink(missing_ok=True)
        return
    write_text(folder / f"{name}.csv", csv_text(table))
    latex = table.rename(columns=str).to_latex(index=False, escape=True, na_rep="--", float_format="%.3g")
    for sign, command in (("↑", r"$\uparrow$"), ("↓", r"$\downarrow$"), ("–", "--"), ("−", "$-$")):
        latex = latex.replace(sign, command)
    write_text(folder / f"{name}.tex", latex)


def write_sessions(folder: Path, metrics: Mapping[str, Metrics]) -> None:
    """Writes `sessions-<arm>.csv` and `turns-<arm>.csv` into `folder`, one pair per arm."""
    for name, of_arm in metrics.items():
        write_text(folder / f"sessions-{name}.csv", csv_text(of_arm.sessions))
        write_text(folder / f"turns-{name}.csv", csv_text(of_arm.turns))


def plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns the rows for JSON, with null for NaN and infinity."""
    if not len(table):
        return []
    is_finite = table.notna() & ~table.isin([inf, -inf])
    rows = table.astype(object).where(is_finite, None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def markdown(table: pd.DataFrame) -> str:
    """Formats a table as Markdown, all text escaped."""
    lines = [list(map(str, table.columns)), ["---"] * len(table.columns), *table.astype(str).values.tolist()]
    return "\n".join(f"| {' | '.join(map(literal, line))} |" for line in lines)


def literal(text: str) -> str:
    """Escapes text for Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#$" else c for c in text)


def text(table: pd.DataFrame) -> str:
    """Formats a table for a terminal, with aligned columns."""
    lines = [list(map(str, table.columns)), *table.astype(str).values.tolist()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def measures_table(table: pd.DataFrame) -> pd.DataFrame:
    """Formats estimates: one row per measure, one column per arm.

    A cell has the mean, its interval, and n where it is below that of the column's heading. An arrow after the label
    shows the direction that is good.

    Args:
        table: as `comparison.by_arm` returns it.
    """
    rows = read_rows(table, ArmRow)
    if not rows:
        return pd.DataFrame()
    most: dict[str, int] = {}
    for row in rows:
        most[row.arm] = max(row.n, most.get(row.arm, 0))
    cells: dict[str, dict[str, str]] = {}
    for row in rows:
        cells.setdefault(row.measure + ARROWS[row.better], {})[f"{row.arm} (n = {most[row.arm]})"] = _mean(row, most)
    wide = pd.DataFrame(list(cells.values()), list(cells), [f"{arm} (n = {n})" for arm, n in most.items()])
    return wide.rename_axis(index="mean (interval)").reset_index()


def _mean(row: ArmRow, most: dict[str, int]) -> str:
    """`62% (55 to 70), n = 9`; a dash without values."""
    if row.n == 0:
        return "–"
    n = f", n = {row.n}" if row.n < most[row.arm] else ""
    if isnan(row.low):
        return f"{amount(row.mean, row.unit)}{n}"
    low, high = (amount(end, row.unit).removesuffix("%").removesuffix(" points") for end in (row.low, row.high))
    return f"{amount(row.mean, row.unit)} ({low} to {high}){n}"


def comparisons_table(table: pd.DataFrame) -> pd.DataFrame:
    """Formats comparisons: one row per outcome and pair of arms.

    Args:
        table: as `comparison.compare` returns it.
    """
    return pd.DataFrame([_comparison(row) for row in read_rows(table, ComparisonRow)])


def _comparison(row: ComparisonRow) -> dict[str, str | int]:
    low, high = (amount(end, row.unit, signed=True).removesuffix(" points") for end in (row.low, row.high))
    has_values = row.n > 0
    return {
        "outcome": row.label + ARROWS[row.better],
        "arms": f"{row.arm} vs. {row.other}",
        "n": row.n,
        "missing": row.missing,
        "means": f"{amount(row.mean, row.unit)}, {amount(row.other_mean, row.unit)}" if has_values else "–",
        "difference": amount(row.difference, row.unit, signed=True) if has_values else "–",
        "interval": "–" if isnan(row.low) else f"{low} to {high}",
        "p (Holm)": "–" if isnan(row.p_adjusted) else p_value(row.p_adjusted).removeprefix("p ").removeprefix("= "),
        "effect": "–" if isnan(row.effect) else amount(row.effect, "number", signed=True),
        "detectable": _detectable(row),
    }


def _detectable(row: ComparisonRow) -> str:
    if isnan(row.detectable):
        return "–"
    return "none" if row.detectable == inf else amount(row.detectable, row.unit, signed=True).lstrip("+")


def reliability_table(table: pd.DataFrame) -> pd.DataFrame:
    """Formats the reliability of the judges: one row per judge and subscale.

    Args:
        table: as `mirror.rating.ratings.reliability` returns it.
    """
    is_whole = table["instrument"] == table["subscale"]  # the one subscale of an instrument has its name
    return pd.DataFrame(
        {
            "scale": table["instrument"].where(is_whole, table["instrument"] + ": " + table["subscale"]),
            "judge": table["judge"],
            "repeats": table["repeats"],
            "alpha": table["alpha"].map(lambda value: "–" if isnan(value) else f"{value:.2f}"),
            "identical scores": table["exact"].map(lambda value: amount(value, "share")),
            "answers": table["answers"],
            "without a score": table["missing_answers"],
        }
    )
