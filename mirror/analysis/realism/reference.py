"""The numbers of real sessions, read from a CSV file of the user's.

One row per number, with the columns `measure` (one of `FEATURES`, or `topics_by_turn`), `turn` (for `topics_by_turn`,
else empty), `mean`, `sd` (may be empty), `n` (sessions) and `source`.
"""

from math import isfinite, nan
from pathlib import Path

import pandas as pd

from mirror.analysis.realism.features import FEATURES, TOPICS_BY_TURN
from mirror.files.csv_file import CsvFileError, read_csv
from mirror.files.text_file import TextFileError
from mirror.paths import display_path

COLUMNS = ("measure", "turn", "mean", "sd", "n", "source")


class RealSessionsError(ValueError):
    """A file that holds no numbers of real sessions. The message says where and what."""


def read_reference(path: Path) -> pd.DataFrame:
    """Reads the numbers.

    Returns:
        One row per number: measure, turn (NaN for a whole session), mean, sd (NaN if unknown), n, source.

    Raises:
        RealSessionsError: the file cannot be read, or a row is not as above.
    """
    shown = display_path(path)
    try:
        table = read_csv(path, COLUMNS)
    except (CsvFileError, TextFileError) as error:
        raise RealSessionsError(f"{shown}: {error}") from error
    if missing := [name for name in COLUMNS if name not in table.header]:
        raise RealSessionsError(f"{shown} has no column {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
    if table.uneven:
        number, cells = next(iter(table.uneven.items()))
        raise RealSessionsError(f"{shown}, row {number}: {cells} cells, and the header has {len(table.header)}")
    rows = [_row(shown, number, dict(zip(table.header, cells, strict=True))) for number, cells in table.rows.items()]
    if not rows:
        raise RealSessionsError(f"{shown} has no row; give one number of real sessions per row")
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _row(shown: str, number: int, cells: dict[str, str]) -> dict[str, object]:
    measure, where = cells["measure"], f"{shown}, row {number}"
    if measure not in (*FEATURES, TOPICS_BY_TURN):
        known = ", ".join((*FEATURES, TOPICS_BY_TURN))
        raise RealSessionsError(f"{where}: measure must be one of {known}, found {measure!r}")
    is_by_turn = measure == TOPICS_BY_TURN
    if bool(cells["turn"]) != is_by_turn:
        raise RealSessionsError(f"{where}: turn is for {TOPICS_BY_TURN} alone, which needs it; found {cells['turn']!r}")
    highest = 1.0 if not is_by_turn and FEATURES[measure][1] == "share" else float("inf")
    return {
        "measure": measure,
        "turn": _number(where, "turn", cells["turn"], 1) if is_by_turn else nan,
        "mean": _number(where, "mean", cells["mean"], 0, highest),
        "sd": _number(where, "sd", cells["sd"], 0) if cells["sd"] else nan,
        "n": _number(where, "n", cells["n"], 1),
        "source": cells["source"],
    }


def _number(where: str, column: str, text: str, lowest: float, highest: float = float("inf")) -> float:
    try:
        value = float(text)
    except ValueError:
        value = nan
    if not (isfinite(value) and lowest <= value <= highest):
        limits = f"from {lowest:g} to {highest:g}" if isfinite(highest) else f"of at least {lowest:g}"
        raise RealSessionsError(f"{where}: {column} must be a number {limits}, found {text!r}")
    return value
