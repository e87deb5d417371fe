"""The clients of a test table: read and checked as a whole, with every fault reported at once.

A cell in which a program wrote that nothing is there (`nan`, `None`, `null`, `N/A`, `<NA>`, "Not found") is an empty
cell. No prompts, sessions or models here.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mirror.files.image_file import picture_faults
from mirror.files.image_paths import PictureFolder, PicturePathError
from mirror.files.text_file import TextFileError, control_character, lone_surrogate, read_text
from mirror.paths import display_path

Resistance = Literal["emotional", "cognitive", "behavioral", "none"]

COLUMNS = (
    "idx",
    "personal_info",
    "personality",
    "distorted_thought",
    "reason_for_seeking_counseling",
    "img_path",
    "dominant_gender",
)
NAME = "name"  # the one column that may be missing, or empty
# What programs write into a cell that has no value; in any case, with or without a full stop.
NO_VALUE = frozenset({"nan", "none", "null", "na", "n/a", "#n/a", "<na>", "not found"})
HINTS = {
    "dominant_gender": "write unknown where it is not known",
    "personality": "write No Resistance (None alone may stand for a missing cell) or the kind of resistance",
}
# These are names of people, too. In the column `name` they are empty only as programs write them: `nan`, never `Nan`.
NO_NAME = frozenset({"nan", "NaN", "none", "None", "null", "NULL", "NA"})
RESISTANCES: Mapping[str, Resistance] = {
    "emotional": "emotional",
    "cognitive": "cognitive",
    "behavioral": "behavioral",
    "behavioural": "behavioral",
    "no": "none",
}
_KIND = re.compile(r"(?<!\bno )(?<!\bnot )\b(?:emotional|cognitive|behaviou?ral)\b")
# All that stands before the word counts: "No Emotional Resistance" names two.
_LABEL = re.compile(r"((?:\b(?:no|emotional|cognitive|behaviou?ral)\b[ ,/&-]+(?:(?:and|or) )?)+)resistance\b")
_FOLDER_NAME = re.compile(r"\w(?:[\w .-]{0,58}\w)?")


@dataclass(frozen=True)
class Profile:
    """One client, a row of the table.

    Attributes:
        idx: the client's name in seeds and folders.
        resistance: how the client resists counseling; `none` is a client who does not.
        distorted_thought, reason: in the table's words.
        gender: in the table's words, e.g. `Woman`; any word is allowed.
        portraits: at least one picture, each a file that was read.
        name: empty where the table has none.
    """

    idx: str
    personal_info: str
    resistance: Resistance
    distorted_thought: str
    reason: str
    gender: str
    portraits: tuple[Path, ...]
    name: str = ""


class ProfileError(ValueError):
    """A table with faults, a line each in the message; `.faults` holds the lines."""

    def __init__(self, table: Path, faults: Sequence[str]) -> None:
        self.faults = tuple(f"{display_path(table)}: {fault}" for fault in faults)
        super().__init__("\n".join(self.faults))


def read_profiles(table: Path, portrait_folder: Path) -> list[Profile]:
    """The clients of a CSV table (UTF-8 or UTF-16, comma-separated, any further columns), in its order.

    A portrait lies below `portrait_folder`, whatever the table says (`mirror.files.image_paths`). Several portraits are
    separated by `;`.

    Raises:
        ProfileError: the table or the folder cannot be read, or rows have faults: all of them.
    """
    rows, faults = _rows(table)
    if not portrait_folder.is_dir():
        raise ProfileError(table, [f"the portrait folder {display_path(portrait_folder)} is not there"])
    folder = PictureFolder(portrait_folder)
    found = {number: _portraits(row["img_path"], folder) for number, row in rows.items()}
    broken = picture_faults(path for portraits, _ in found.values() for path in portraits)
    first: dict[str, str] = {}
    for number, row in rows.items():
        portraits, problems = found[number]
        where = f"row {number}" + f" (idx {row['idx']})" * bool(_FOLDER_NAME.fullmatch(row["idx"]))
        unreadable = [f"img_path: {broken[path]}" for path in portraits if path in broken]
        faults += [(number, f"{where}: {p}") for p in (*_problems(row, first), *problems, *unreadable)]
        first.setdefault(_folder(row["idx"]), where)
    if faults:
        raise ProfileError(table, [fault for _, fault in sorted(faults, key=lambda fault: fault[0])])
    return [
        Profile(
            idx=row["idx"],
            personal_info=row["personal_info"],
            resistance=resistance_of(row["personality"]),
            distorted_thought=row["distorted_thought"],
            reason=row["reason_for_seeking_counseling"],
            gender=row["dominant_gender"],
            portraits=found[number][0],
            name=row.get(NAME, ""),
        )
        for number, row in rows.items()
    ]


def resistance_of(personality: str) -> Resistance | None:
    """The resistance that a text names; None where it names none or several.

    What stands before the word "resistance" decides, whatever else the text says. Without that word, one of the kinds
    must be named alone, or the whole text be "none" or "no".
    """
    text = " ".join(personality.lower().replace("_", " ").split())
    labelled = re.findall(r"\w+", " ".join(_LABEL.findall(text)))
    if not labelled and text.strip(".") in ("none", "no"):
        return "none"
    kinds = {RESISTANCES[word] for word in labelled or _KIND.findall(text) if word in RESISTANCES}
    return kinds.pop() if len(kinds) == 1 else None


# The table ------------------------------------------------------------------------------------------------------------


def _rows(table: Path) -> tuple[dict[int, dict[str, str]], list[tuple[int, str]]]:
    """The rows by number, their cells by column without outer blanks; and the faults of those that have no such form.

    Rows are numbered as a spreadsheet does it, the header is row 1.
    """
    text = _text(table)
    if separator := _other_separator(text):
        raise ProfileError(table, [f"row 1: columns are separated by {separator}; save it with commas"])
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    cells: dict[int, list[str]] = {}
    try:
        for number, row in enumerate(reader, 1):
            if any(map(str.strip, row)):
                cells[number] = [cell.strip() for cell in row]
    except csv.Error as error:
        problem = f"line {reader.line_num}: is not CSV ({error}); a quoted cell ends with a quote, a quote in it is two"
        raise ProfileError(table, [problem]) from None
    if not cells:
        raise ProfileError(table, ["is empty; the first row names the columns, each further row is a client"])
    header = cells.pop(min(cells))
    if faults := list(_header_faults(header)):
        raise ProfileError(table, faults)
    if not cells:
        raise ProfileError(table, ["has no clients; each row below the first is one"])
    uneven = [
        (number, f"row {number}: has {len(row)} cells, the header has {len(header)}; quote a cell that holds a comma")
        for number, row in cells.items()
        if len(row) != len(header)
    ]
    even = {
        number: {column: "" if _has_no_value(column, cell) else cell for column, cell in zip(header, row, strict=True)}
        for number, row in cells.items()
        if len(row) == len(header)
    }
    return even, uneven


def _has_no_value(column: str, cell: str) -> bool:
    words = cell.rstrip(". ")
    if words.lower() not in NO_VALUE:
        return False
    return column != NAME or not words.isalpha() or words in NO_NAME


def _text(table: Path) -> str:
    try:
        return read_text(table)
    except OSError as error:
        raise ProfileError(table, [f"cannot be read ({error.strerror}); give the path of a CSV table"]) from None
    except TextFileError as error:
        raise ProfileError(table, [f"{error}; save it as CSV in UTF-8"]) from None


def _other_separator(text: str) -> str:
    """What separates the columns of the first row, where it is not a comma."""
    header = next(filter(str.strip, text.splitlines()), "").replace('"', "")
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(set(map(str.strip, header.split(mark))) & set(COLUMNS)) > 1:
            return name
    return ""


def _header_faults(header: Sequence[str]) -> Iterator[str]:
    counted = Counter(header)
    names = ", ".join(name if name.isprintable() else ascii(name) for name in header if name)
    for column in (*COLUMNS, NAME):
        if counted[column] > 1:
            yield f"row 1: column {column} is there {counted[column]} times; leave one"
        elif not counted[column] and column != NAME:
            yield f"row 1: column {column} is missing; the columns found are {names:.500}"


def _problems(row: Mapping[str, str], first: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the words of a row; `first` says where the folders of earlier rows were named."""
    for column in COLUMNS:
        if not row[column]:
            yield f"{column}: is empty; {HINTS.get(column, 'fill it in')}"
    for column in (*COLUMNS[1:], NAME):  # idx has stricter rules
        if odd := lone_surrogate(row.get(column, "")) or control_character(row.get(column, "")):
            yield f"{column}: holds {odd}; delete it"
    if row["idx"] and not _FOLDER_NAME.fullmatch(row["idx"]):
        yield (
            f"idx: must do as a folder's name (at most 60 letters, digits, and . _ - or blanks within), "
            f"found {row['idx']!r:.80}"
        )
    elif row["idx"] and (before := first.get(_folder(row["idx"]))):
        yield f"idx: names the same folder as {before}; give every client its own"
    if row["personality"] and resistance_of(row["personality"]) is None:
        yield (
            "personality: must name one of Emotional, Cognitive, Behavioral or No Resistance, "
            f"found {row['personality']!r:.80}"
        )


def _folder(idx: str) -> str:
    """`idx` as file systems compare it that do not tell `a` from `A`."""
    return unicodedata.normalize("NFC", idx).casefold()


# Portraits ------------------------------------------------------------------------------------------------------------


def _portraits(cell: str, folder: PictureFolder) -> tuple[tuple[Path, ...], list[str]]:
    """The files that a cell names, and what is wrong with the others."""
    if lone_surrogate(cell) or control_character(cell):
        return (), []  # told of by `_problems`
    found, problems = [], []
    for name in filter(None, (name.strip() for name in cell.split(";"))):
        try:
            found.append(folder.find(name))
        except PicturePathError as error:
            problems.append(f"img_path: {error}")
    if cell and not found and not problems:
        problems.append(f"img_path: names no picture, found {cell!r:.80}")
    return tuple(found), problems
