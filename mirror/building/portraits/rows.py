"""Rows of a portrait table: which file shows which person, of which gender and age. Opens no picture.

A table is a CSV file with a header, or one of the two text files of CelebA: `identity_CelebA.txt` (file and person on
each line, no header) and `list_attr_celeba.txt` (a count, the names of the attributes, then a line per file). Several
tables are joined on the file's name; the first decides which files there are.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mirror.building.dropped import Dropped, Sifted
from mirror.files.text_file import TextFileError, lone_surrogate, read_text
from mirror.paths import display_path

FIELDS = ("file", "person", "gender", "age")
UNKNOWN = frozenset({"", "unknown", "not found", "nan", "none", "null", "n/a"})
GENDERS = {"woman": "woman", "female": "woman", "f": "woman", "man": "man", "male": "man", "m": "man"}
# Columns of yes (1) and no (-1 or 0): the gender that yes means.
YES_MEANS = {"male": "man", "man": "man", "female": "woman", "woman": "woman"}
MOST_YEARS = 120
_WHOLE = re.compile(r"([0-9]+)\.0+")  # how a spreadsheet or pandas writes whole numbers beside empty cells
_IDENTITY_LINE = re.compile(r"\S+\s+[0-9]+")


class PortraitTableError(ValueError):
    """Tables that cannot be used as a whole. The message names each fault on a line."""


@dataclass(frozen=True)
class PortraitRow:
    """What the tables say about one file.

    Attributes:
        file: as the table writes it.
        person: whom it shows; empty if the tables do not say.
        gender: `woman`, `man`, or empty.
        age: in years; None if unknown.
    """

    file: str
    person: str = ""
    gender: str = ""
    age: int | None = None


@dataclass(frozen=True)
class _Table:
    """The cells of one table: the declared columns alone, because CelebA has forty others."""

    path: Path
    header: list[str]
    rows: list[dict[str, str]]
    odd: list[str]


def read_rows(tables: Sequence[Path], columns: Mapping[str, str]) -> Sifted[PortraitRow]:
    """Read the tables.

    Args:
        tables: at least one; the others add columns to the files of the first. A column that two of them have is taken
            from the first.
        columns: our field (`file`, `person`, `gender`, `age`) → the column's name; `file` is needed. The columns of
            CelebA's files are named `image_id`, `identity`, and as its attributes.

    Returns:
        One row per file, in the order of the first table. What is dropped has the reason `odd_row`, `odd_gender`,
        `odd_age` or `contradicting_rows`.

    Raises:
        PortraitTableError: a table cannot be read, a column is missing, or an age column holds only yes and no.
    """
    faults = [
        f"portrait_columns: {name!r} is no field; there are {', '.join(FIELDS)}" for name in {*columns} - {*FIELDS}
    ]
    if "file" not in columns:
        faults.append("portrait_columns: file is missing; write file=<the column that names the picture>")
    if faults:
        raise PortraitTableError("\n".join(sorted(faults)))
    read, faults = [], []
    for path in tables:
        try:
            read.append(_read_table(path, frozenset(columns.values())))
        except (OSError, TextFileError, csv.Error, ValueError) as error:
            faults.append(f"{display_path(path)}: cannot be read as a table ({error})")
    faults += [] if faults else _column_faults(read, columns)
    if faults:
        raise PortraitTableError("\n".join(faults))
    return _parse(_joined(read, columns["file"]), columns, [detail for table in read for detail in table.odd])


def _read_table(path: Path, wanted: frozenset[str]) -> _Table:
    text = read_text(path)
    lines = text.lstrip().split("\n", 2)
    if _IDENTITY_LINE.fullmatch(lines[0].strip()):
        return _cells(path, [["image_id", "identity"], *map(str.split, text.splitlines())], wanted)
    if lines[0].strip().isdecimal() and len(lines) > 1 and len(lines[1].split()) > 1:
        names, *rows = map(str.split, text.lstrip().splitlines()[1:])
        return _cells(path, [["image_id", *names], *rows], wanted)
    return _cells(path, list(csv.reader(io.StringIO(text, newline=""), strict=True)), wanted)


def _cells(path: Path, lines: list[list[str]], wanted: frozenset[str]) -> _Table:
    filled = [(number, line) for number, line in enumerate(lines, 1) if any(map(str.strip, line))]
    if not filled:
        raise ValueError("it is empty; the first row names the columns")
    header = [cell.strip() for cell in filled[0][1]]
    places = [(place, name) for place, name in enumerate(header) if name in wanted]
    if len(places) > len(set(header) & wanted):
        raise ValueError(f"a declared column occurs twice, found {', '.join(name for _, name in places)}; rename one")
    odd = [
        f"{display_path(path)}: row {number} has {len(line)} cells, the header has {len(header)}"
        for number, line in filled[1:]
        if len(line) != len(header)
    ]
    rows = [{name: line[place].strip() for place, name in places} for _, line in filled[1:] if len(line) == len(header)]
    return _Table(path, header, rows, odd)


def _column_faults(tables: Sequence[_Table], columns: Mapping[str, str]) -> Iterator[str]:
    together = " and ".join(display_path(table.path) for table in tables)
    found = list(dict.fromkeys(name for table in tables for name in table.header))
    shown = ", ".join(map(repr, found[:60]))
    for field, name in columns.items():
        if name not in found:
            yield f"{together}: no column {name!r} ({field}), found {shown}; correct portrait_columns"
    for table in tables:
        if columns["file"] in found and columns["file"] not in table.header:
            yield f"{display_path(table.path)}: no column {columns['file']!r}, which joins the tables"
    ages = {row[columns["age"]] for table in tables for row in table.rows if columns.get("age") in row} - {""}
    if ages and ages <= {"1", "-1"}:
        yield (
            f"{together}: column {columns['age']!r} says yes (1) or no (-1), which is no age in years; leave age out "
            "of portrait_columns, and it is read from the pictures"
        )


def _joined(tables: Sequence[_Table], key: str) -> Iterator[dict[str, str]]:
    first, *others = tables
    further = [{row[key]: row for row in table.rows} for table in others]
    for row in first.rows:
        merged = dict(row)
        for table in further:
            merged = {**table.get(row[key], {}), **merged}
        yield merged


def _parse(rows: Iterator[dict[str, str]], columns: Mapping[str, str], odd: list[str]) -> Sifted[PortraitRow]:
    found: dict[str, PortraitRow] = {}
    dropped = {detail: _drop("", "odd_row", detail) for detail in odd}
    for row in rows:
        cells = {field: row.get(column, "") for field, column in columns.items()}
        file = cells["file"]
        parsed = _row(cells, columns)
        if isinstance(parsed, Dropped):
            dropped[file] = parsed
        elif found.setdefault(file, parsed) != parsed:
            dropped[file] = _drop(file, "contradicting_rows", f"one row says {found[file]}, another {parsed}")
    kept = (row for file, row in found.items() if file not in dropped)
    return Sifted(tuple(kept), tuple(dropped.values()))


def _row(cells: Mapping[str, str], columns: Mapping[str, str]) -> PortraitRow | Dropped:
    file = cells["file"]
    if half := lone_surrogate("".join(cells.values())):
        return _drop(file.encode(errors="replace").decode(), "odd_row", f"holds {half}")
    if not file:
        return _drop("", "odd_row", f"names no picture: {dict(cells)}")
    known = {field: "" if cell.rstrip(". ").lower() in UNKNOWN else cell for field, cell in cells.items()}
    gender = _gender(known.get("gender", ""), columns.get("gender", ""))
    if gender is None:
        return _drop(file, "odd_gender", f"the table says {cells['gender']!r:.60}, neither woman nor man")
    try:
        age = _age(known.get("age", ""))
    except ValueError:
        return _drop(file, "odd_age", f"the table says {cells['age']!r:.60}, no age in 0…{MOST_YEARS} years")
    return PortraitRow(file, _whole(known.get("person", "")), gender, age)


def _gender(cell: str, column: str) -> str | None:
    """`woman`, `man`, empty if unknown; None if the cell is neither."""
    yes = YES_MEANS.get(column.lower())
    if yes and (number := _whole(cell)) in ("1", "-1", "0"):
        return yes if number == "1" else "man" if yes == "woman" else "woman"
    return GENDERS.get(cell.lower()) if cell else ""


def _age(cell: str) -> int | None:
    if not cell:
        return None
    years = float(cell)
    if not 0 <= years <= MOST_YEARS:
        raise ValueError(cell)
    return int(years + 0.5)


def _drop(file: str, reason: str, detail: str) -> Dropped:
    return Dropped("portrait", file, None, reason, detail, "portrait")


def _whole(cell: str) -> str:
    """`2880` for `2880.0`; other cells as they are."""
    found = _WHOLE.fullmatch(cell)
    return found[1] if found else cell
