"""Tables of a study, formatted for reading and written as CSV, LaTeX, JSON and Markdown."""

from collections.abc import Mapping
from math import inf, isnan
from pathlib import Path
from typing import Any

import pandas as pd

from mirror.analysis.claims import SCRIPTED, amount, compared, joined, p_value
from mirror.analysis.comparison import ArmRow, ComparisonRow, read_rows
from mirror.analysis.measures import ARROWS
from mirror.analysis.metrics import Metrics
from mirror.analysis.settings import AnalyseSettings
from mirror.analysis.study import Study
from mirror.files.atomic import write_text
from mirror.files.csv_file import csv_text
from mirror.rating.forms.agreement import agreements, humans_table, judges_table
from mirror.rating.ratings import HUMANS

AGREEMENT = "instrument subscale judge alpha exact within_one repeats answers missing_answers".split()


def write_table(folder: Path, name: str, table: pd.DataFrame, numbers: pd.DataFrame | None = None) -> None:
    """Writes `<name>.csv` and `<name>.tex` (booktabs) into `folder`; removes both if the table is empty.

    Args:
        folder: is created.
        name: of both files.
        table: as it is read.
        numbers: the same for a program, in place of it in the CSV.
    """
    if not len(table):
        for ending in ("csv", "tex"):
            (folder / f"{name}.{ending}").unlink(missing_ok=True)
        return
    write_text(folder / f"{name}.csv", csv_text(table if numbers is None else numbers))
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


NUMBERS = (
    "label better unit arm other n missing mean other_mean difference low high p_adjusted effect effect_low "
    "effect_high detectable"
).split()


def comparisons_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Comparisons as numbers in their unit: a `share` is from 0 to 1, and so are differences of shares (`points`).

    Args:
        table: as `comparison.compare` returns it.
    """
    return table.reindex(columns=NUMBERS).rename(columns={"label": "outcome"})


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
            "ordinal alpha": table["alpha"].map(lambda value: "–" if isnan(value) else f"{value:.2f}"),
            "identical scores": table["exact"].map(lambda value: amount(value, "share")),
            "answers": table["answers"],
            "without a score": table["missing_answers"],
        }
    )


def arms_text(study: Study, overview: pd.DataFrame) -> str:
    """States what is compared, on how many clients, and the caveats, in Markdown.

    Args:
        study: the arms.
        overview: as `Study.overview` returns it.
    """
    complete = {name: len(clients) for name, clients in study.complete.items()}
    claim = compared(complete, len(study.shared), any(arm.per_client > 1 for arm in study.arms))
    if study.scripted:
        of = "all arms" if len(study.scripted) == len(complete) else joined(study.scripted)
        claim += f" **{literal(SCRIPTED.format(arms=of))}**"
    return f"{claim}\n\n{caveats_text(study)}\n\n{markdown(overview)}"


def caveats_text(study: Study) -> str:
    """States the caveats of a study as a Markdown list, or that there are none."""
    if caveats := study.caveats():
        return "Caveats:\n\n" + "\n".join(f"- {literal(caveat)}" for caveat in caveats)
    further = "further " if study.scripted else ""
    alone = ", and the arms differ in the counselor only" if len(study.arms) > 1 else ""
    return f"No {further}caveats: all sessions are complete{alone}."


def raters_text(study: Study, settings: AnalyseSettings, folder: Path) -> list[str]:
    """States how reliable raters are and which of them count, in paragraphs, and writes the tables into `folder`.

    Args:
        study: the arms with their ratings.
        settings: seed, resamples and level of the intervals.
        folder: of the tables `reliability`, `agreement-humans` and `agreement-judges`.
    """
    table = study.reliability(settings.seed)
    write_table(folder, "reliability", table.reindex(columns=AGREEMENT))
    among = agreements(study.rated_items, settings.seed, settings.resamples, settings.level, study.instruments)
    write_table(folder, "agreement-humans", among.humans)
    write_table(folder, "agreement-judges", among.judges)
    if not len(table):
        return ["No model has rated these sessions: all outcomes are counted from the transcripts."]
    people = f", and between people (`{HUMANS}`, each person a repeat)" if len(among.humans) else ""
    intro = f"Agreement between the repeats of a judge{people} (Krippendorff's ordinal alpha: 1 = perfect, 0 = chance):"
    parts = [f"{intro}\n\n{markdown(reliability_table(table))}"]
    if study.unused:
        names = ", ".join(map(literal, study.unused))
        parts.append(f"Ratings by {names} are in no claim and in no comparison: `raters` is `{settings.raters}`.")
    if len(among.humans):
        item = "Agreement among people by item and subscale (alpha for ordinal and for interval data, ICC of "
        item += "one rater and of the mean; see `docs/rate.md`):"
        parts.append(f"{item}\n\n{markdown(humans_table(among.humans, settings.level))}")
    if len(among.judges):
        with_people = (
            "Agreement of judges with the mean of people, by item, subscale and arm (alpha for interval data):"
        )
        parts.append(f"{with_people}\n\n{markdown(judges_table(among.judges, settings.level))}")
    return parts
