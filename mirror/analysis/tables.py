"""Tables of a study as they are printed, and as files: CSV, LaTeX, JSON, Markdown."""

from math import inf
from pathlib import Path
from typing import Any

import pandas as pd

from mirror.analysis.claims import amount, p_value
from mirror.analysis.measures import ARROWS
from mirror.files.atomic import write_text
from mirror.files.csv_file import csv_text


def write_table(folder: Path, name: str, table: pd.DataFrame) -> None:
    """Writes `<name>.csv` and `<name>.tex` (booktabs) into `folder`; of an empty table, removes what was there."""
    if not len(table):
        for ending in ("csv", "tex"):
            (folder / f"{name}.{ending}").unlink(missing_ok=True)
        return
    write_text(folder / f"{name}.csv", csv_text(table))
    latex = table.rename(columns=str).to_latex(index=False, escape=True, na_rep="--", float_format="%.3g")
    for sign, command in (("↑", r"$\uparrow$"), ("↓", r"$\downarrow$"), ("–", "--"), ("−", "$-$")):
        latex = latex.replace(sign, command)
    write_text(folder / f"{name}.tex", latex)


def plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON, which has neither NaN nor infinity."""
    known = table.notna() & ~table.isin([inf, -inf])
    return table.astype(object).where(known, None).to_dict("records") if len(table) else []


def markdown(table: pd.DataFrame) -> str:
    """The table in Markdown, all text literal."""
    lines = [list(map(str, table.columns)), ["---"] * len(table.columns), *table.astype(str).values.tolist()]
    return "\n".join(f"| {' | '.join(map(literal, line))} |" for line in lines)


def literal(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#$" else c for c in text)


def text(table: pd.DataFrame) -> str:
    """The table for a terminal, columns side by side."""
    lines = [list(map(str, table.columns)), *table.astype(str).values.tolist()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def measures_table(table: pd.DataFrame) -> pd.DataFrame:
    """One row per measure, one column per arm: mean, interval, and n where the arm has fewer values than in its head.

    `table` as `comparison.by_arm` gives it. An arrow shows in which direction a measure is good.
    """
    if not len(table):
        return pd.DataFrame()
    full = table.groupby("arm", sort=False).n.max()
    cells = [
        "–"
        if row.n == 0
        else f"{amount(row.mean, row.unit)}{_range(row)}{f', n = {row.n}' if row.n < full[row.arm] else ''}"
        for row in table.itertuples()
    ]
    labels = table.measure + table.better.map(ARROWS)
    wide = table.assign(cell=cells, what=labels).pivot(index="what", columns="arm", values="cell")
    wide = wide.reindex(index=dict.fromkeys(labels), columns=full.index)
    wide.columns = [f"{arm} (n = {n})" for arm, n in full.items()]
    return wide.rename_axis(index="mean (interval)").reset_index()


def _range(row: Any) -> str:
    if pd.isna(row.low):
        return ""
    low, high = (amount(end, row.unit).removesuffix("%").removesuffix(" points") for end in (row.low, row.high))
    return f" ({low} to {high})"


def comparisons_table(table: pd.DataFrame) -> pd.DataFrame:
    """One row per outcome and pair of arms, as it is printed; `table` as `comparison.compare` gives it."""
    rows = []
    for row in table.itertuples():
        ends = [amount(end, row.unit, signed=True).removesuffix(" points") for end in (row.low, row.high)]
        known = row.n > 0
        rows.append(
            {
                "outcome": row.label + ARROWS[row.better],
                "arms": f"{row.arm} vs. {row.other}",
                "n": row.n,
                "missing": row.missing,
                "means": f"{amount(row.mean, row.unit)}, {amount(row.other_mean, row.unit)}" if known else "–",
                "difference": amount(row.difference, row.unit, signed=True) if known else "–",
                "interval": "–" if pd.isna(row.low) else f"{ends[0]} to {ends[1]}",
                "p (Holm)": "–"
                if pd.isna(row.p_adjusted)
                else p_value(row.p_adjusted).removeprefix("p ").removeprefix("= "),
                "effect": "–" if pd.isna(row.effect) else amount(row.effect, "number", signed=True),
                "detectable": _detectable(row),
            }
        )
    return pd.DataFrame(rows)


def _detectable(row: Any) -> str:
    if pd.isna(row.detectable):
        return "–"
    return "none" if row.detectable == inf else amount(row.detectable, row.unit, True).lstrip("+")


def reliability_table(table: pd.DataFrame) -> pd.DataFrame:
    """One row per judge and subscale; `table` as `ratings.reliability` gives it."""
    return pd.DataFrame(
        {
            "scale": table.instrument.where(
                table.instrument == table.subscale, table.instrument + ": " + table.subscale
            ),
            "judge": table.judge,
            "repeats": table.repeats,
            "alpha": table.alpha.map(lambda value: "–" if pd.isna(value) else f"{value:.2f}"),
            "identical scores": table.exact.map(lambda value: amount(value, "share")),
            "answers": table.answers,
            "without a score": table.missing_answers,
        }
    )
