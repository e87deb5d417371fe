"""Rows of text from a CSV or JSON file, in any of the forms in which pandas writes tables. Knows no columns."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirror.files.csv_file import CsvFileError, read_csv, unescape_cell
from mirror.files.json_file import strict_json
from mirror.files.text_file import TextFileError, read_text
from mirror.paths import display_path

_LINE_END = re.compile(r"\r\n?")
JSON = (".json", ".jsonl", ".ndjson")


class TableError(ValueError):
    """A table that cannot be read. The message names the file, what was found, and what to do."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"{display_path(path)}: {fault}")


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        where: its place in the file: `row 7` as a spreadsheet counts, `record 7` from 1.
        cells: column → text without surrounding spaces, with line feeds as line ends; a missing value is empty.
        fault: why the row cannot be read; empty if it can.
    """

    where: str
    cells: Mapping[str, str]
    fault: str = ""


@dataclass(frozen=True)
class TableFile:
    """The columns and rows of a file, in its order."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path, columns: Collection[str]) -> TableFile:
    """Read a table.

    Args:
        path: a `.csv` file (see `mirror.files.csv_file`), or `.json`: a list of objects, JSON Lines, or an object of
            columns or of rows as pandas writes them. A list in a JSON cell is text of several lines.
        columns: names of expected columns, by which the separator of a CSV file and the form of JSON are recognized.

    Raises:
        TableError: the file cannot be read, or has another ending or form.
    """
    ending = path.suffix.lower()
    if ending == ".csv":
        return _csv_table(path, columns)
    if ending in JSON:
        return _json_table(path, columns)
    raise TableError(path, f"tables are .csv or .json files, found {ending or 'no ending'!r}; convert it")


def _csv_table(path: Path, columns: Collection[str]) -> TableFile:
    try:
        table = read_csv(path, columns)
    except CsvFileError as error:
        raise TableError(path, str(error)) from None
    if twice := sorted({name for name in table.header if name in columns and table.header.count(name) > 1}):
        raise TableError(path, f"row 1: column {twice[0]} occurs several times; keep one")
    rows = {
        number: Row(f"row {number}", dict(zip(table.header, map(_csv_text, cells), strict=True)))
        for number, cells in table.rows.items()
    }
    for number, count in table.uneven.items():
        fault = f"has {count} cells, the header has {len(table.header)}; quote cells that contain the separator"
        rows[number] = Row(f"row {number}", {}, fault)
    return TableFile(table.header, tuple(rows[number] for number in sorted(rows)))


def _csv_text(cell: str) -> str:
    return _LINE_END.sub("\n", unescape_cell(cell))


def _json_table(path: Path, columns: Collection[str]) -> TableFile:
    try:
        text = read_text(path)
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror}); give the path of a table") from None
    except TextFileError as error:
        raise TableError(path, f"{error}; save it as UTF-8") from None
    records = _records(path, _values(path, text), columns)
    rows = tuple(_json_row(number, record) for number, record in enumerate(records, 1))
    names = {name: None for row in rows for name in row.cells}
    return TableFile(tuple(names), rows)


def _values(path: Path, text: str) -> Any:
    """Return the value of a JSON text, or the list of the values of JSON Lines."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if not lines:
        raise TableError(path, "is empty; it must hold a list of objects")
    try:
        if path.suffix.lower() == ".json":
            return strict_json(text, lenient=True)
    except ValueError as error:
        first = error
    else:
        first = ValueError()
    values = []
    for number, line in lines:
        try:
            values.append(strict_json(line, lenient=True))
        except ValueError as error:
            fault = f"cannot be read as JSON ({first})" if not values else f"line {number}: is not valid JSON ({error})"
            raise TableError(path, f"{fault}; repair the file") from None
    return values


def _records(path: Path, value: Any, columns: Collection[str]) -> Sequence[Any]:
    """Return the rows of any form of table."""
    if isinstance(value, dict) and isinstance(value.get("data"), list):  # orient=table and orient=split
        value = _split_rows(path, value["columns"], value["data"]) if value.get("columns") else value["data"]
    if isinstance(value, list):
        return value
    if not isinstance(value, dict) or not value:
        raise TableError(path, f"must hold a list of objects, found {type(value).__name__}; see the docs for the forms")
    if value.keys() & set(columns):
        return _from_columns(path, value)
    if all(isinstance(row, dict) for row in value.values()):
        return list(value.values())
    found = ", ".join(list(map(str, value))[:20])
    raise TableError(path, f"must hold a list of objects, or one of columns or rows; found an object of {found:.300}")


def _split_rows(path: Path, names: Any, rows: Sequence[Any]) -> list[Any]:
    """Return the rows of lists of names and cells (orient=split); one that is no such list is left as it is."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TableError(path, f"columns must be a list of texts, found {names!r:.80}; repair the file")
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise TableError(path, f"column {twice[0]} occurs several times; keep one")
    return [
        dict(zip(names, row, strict=True)) if isinstance(row, list) and len(row) == len(names) else row for row in rows
    ]


def _from_columns(path: Path, table: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of an object of columns, which are lists or objects by row; or its only row."""
    if not all(isinstance(column, dict | list) for column in table.values()):
        return [dict(table)]
    by_row = {name: column if isinstance(column, dict) else dict(enumerate(column)) for name, column in table.items()}
    keys = dict.fromkeys(key for column in by_row.values() for key in column)
    if uneven := [name for name, column in by_row.items() if len(column) != len(keys)]:
        raise TableError(path, f"column {uneven[0]} has {len(by_row[uneven[0]])} of {len(keys)} rows; repair the file")
    return [{name: column[key] for name, column in by_row.items()} for key in keys]


def _json_row(number: int, record: Any) -> Row:
    where = f"record {number}"
    if not isinstance(record, dict):
        return Row(where, {}, f"is no object, found {type(record).__name__}")
    cells = {}
    for name, value in record.items():
        text = _cell_text(value)
        if text is None:
            return Row(where, {}, f"{name} must be text, found {type(value).__name__}: {str(value)!r:.80}")
        cells[name] = text
    return Row(where, cells)


def _cell_text(value: Any) -> str | None:
    """Return a JSON value as text: a whole number without a fraction, a list of texts as lines; None for others."""
    if isinstance(value, str):
        return _LINE_END.sub("\n", value.strip())
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, list):
        return _LINE_END.sub("\n", "\n".join(value).strip()) if all(isinstance(part, str) for part in value) else None
    return None if isinstance(value, dict) else str(value)
