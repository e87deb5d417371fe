"""CSV tables: strict reading, and writing that is safe to open in a spreadsheet: no cell is interpreted as a formula.

Text that begins with `=`, `+`, `-`, `@`, a tab or a line end (also after spaces and apostrophes, and in full width) is
prefixed with an apostrophe, which spreadsheets read as a mark for text. Numbers are unchanged, and so are texts such as
`-0.3` and `+12 points`. `unescape_cell` restores every text.
"""

import csv
import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from mirror.files.text_file import TextFileError, read_text

SIGNS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
SEPARATORS = (",", ";", "\t", "|")
_NUMBER = r"[+-]?\d[\d,]*(\.\d+)?(e[+-]?\d+)?%?"
_NUMBERS = re.compile(rf"{_NUMBER}((, | to ){_NUMBER})*( points)?", re.ASCII | re.IGNORECASE)


class CsvFileError(ValueError):
    """A file that is no CSV table. The message says where and what; it does not name the file."""


@dataclass(frozen=True)
class CsvRows:
    """The cells of a table, without surrounding spaces. Rows are numbered as in a spreadsheet: the header is row 1.

    Attributes:
        header: the names of the columns.
        rows: the cells of each row that has as many as the header, by number.
        uneven: the numbers of cells of all others, by number.
    """

    header: tuple[str, ...]
    rows: dict[int, list[str]]
    uneven: dict[int, int]


def read_csv(path: Path, columns: Collection[str]) -> CsvRows:
    """Read a table in UTF-8, or in UTF-16 with a byte order mark; blank rows are skipped.

    Spreadsheets separate the columns as the system's language does: by semicolons where numbers have a decimal comma.

    Args:
        path: the file.
        columns: names of columns that are expected: the mark that separates two of them in the header separates all
            columns, if it is one of `SEPARATORS`; else a comma does.

    Raises:
        CsvFileError: the file cannot be read or decoded, is no valid CSV, or is empty.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise CsvFileError(f"cannot be read ({error.strerror}); give the path of a CSV table") from None
    except TextFileError as error:
        raise CsvFileError(f"{error}; save it as CSV in UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text, columns), strict=True)
    cells: dict[int, list[str]] = {}
    try:
        for number, row in enumerate(reader, 1):
            if any(map(str.strip, row)):
                cells[number] = [cell.strip() for cell in row]
    except csv.Error as error:
        advice = "end a quoted cell with a quote, and double the quotes inside it"
        raise CsvFileError(f"line {reader.line_num}: is not valid CSV ({error}); {advice}") from None
    if not cells:
        raise CsvFileError("is empty; the first row names the columns, each further row is a client")
    header = cells.pop(min(cells))
    uneven = {number: len(row) for number, row in cells.items() if len(row) != len(header)}
    return CsvRows(tuple(header), {number: row for number, row in cells.items() if number not in uneven}, uneven)


def csv_text(table: pd.DataFrame, index: bool = False) -> str:
    """Format a table as CSV, with column names, text cells and the index escaped by `escape_cell`.

    Args:
        table: any table.
        index: whether to write the index.
    """
    shown = table.rename(columns=escape_cell)
    for place, (_, column) in enumerate(table.items()):
        if not is_numeric_dtype(column) and not is_bool_dtype(column):
            shown.isetitem(place, column.map(escape_cell).array)
    return (shown.rename(index=escape_cell) if index else shown).to_csv(index=index)


def escape_cell(value: Any) -> Any:
    """Prefix text that a spreadsheet could read as a formula with an apostrophe; return anything else unchanged."""
    return f"'{value}" if isinstance(value, str) and _could_be_formula(value) else value


def unescape_cell(text: str) -> str:
    """Restore the text from which `escape_cell` made `text`."""
    return text[1:] if text.startswith("'") and _could_be_formula(text[1:]) else text


def _separator(text: str, columns: Collection[str]) -> str:
    """Return the mark that separates expected columns in the header."""
    start = text.lstrip("\r\n ")[:100_000]
    header = next(filter(str.strip, start.splitlines()), "").replace('"', "")
    found = (mark for mark in SEPARATORS if len(set(map(str.strip, header.split(mark))) & set(columns)) > 1)
    return next(found, SEPARATORS[0])


def _could_be_formula(text: str) -> bool:
    bare = text.lstrip(" '")
    return bare.startswith(SIGNS) and not _NUMBERS.fullmatch(bare)
