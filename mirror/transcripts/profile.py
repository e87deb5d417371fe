"""Client profiles, read from a CSV table and validated completely: all faults are reported at once.

Cells with a program's marker for a missing value (`nan`, `None`, `null`, `N/A`, `<NA>`, "Not found") count as empty.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mirror.files.csv_file import CsvFileError, read_csv
from mirror.files.image_file import picture_faults
from mirror.files.image_paths import PictureFolder, PicturePathError
from mirror.files.text_file import control_character, lone_surrogate
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
NAME = "name"  # the only column that may be missing or empty
# Markers of missing values, compared without case and final periods.
NO_VALUE = frozenset({"nan", "none", "null", "na", "n/a", "#n/a", "<na>", "not found"})
HINTS = {
    "dominant_gender": "write unknown where it is not known",
    "personality": "write No Resistance (None alone may stand for a missing cell) or the kind of resistance",
}
# Some markers are also names of people: in the column `name` they must be spelled as by programs: `nan`, not `Nan`.
NO_NAME = frozenset({"nan", "NaN", "none", "None", "null", "NULL", "NA"})
RESISTANCES: Mapping[str, Resistance] = {
    "emotional": "emotional",
    "cognitive": "cognitive",
    "behavioral": "behavioral",
    "behavioural": "behavioral",
    "no": "none",
}
_KIND = re.compile(r"(?<!\bno )(?<!\bnot )\b(?:emotional|cognitive|behaviou?ral)\b")
# All words before "resistance" count: "No Emotional Resistance" is ambiguous.
_LABEL = re.compile(r"((?:\b(?:no|emotional|cognitive|behaviou?ral)\b[ ,/&-]+(?:(?:and|or) )?)+)resistance\b")
_FOLDER_NAME = re.compile(r"\w(?:[\w .-]{0,58}\w)?")


@dataclass(frozen=True)
class Profile:
    """One client, a row of the table.

    Attributes:
        idx: the identifier of the client in seeds and folder names.
        personal_info: who the client is, as in the table.
        resistance: how the client resists counseling; `none` for no resistance; None if unknown, as of a recorded
            client.
        distorted_thought: as in the table.
        reason: the reason for seeking counseling, as in the table.
        gender: as in the table, e.g. `Woman`; any word is allowed.
        portraits: image files, each of which can be decoded; none of a recorded client.
        name: may be empty.
    """

    idx: str
    personal_info: str
    resistance: Resistance | None
    distorted_thought: str
    reason: str
    gender: str
    portraits: tuple[Path, ...]
    name: str = ""

    @property
    def known_resistance(self) -> Resistance:
        """The resistance of a client who is simulated.

        Raises:
            ValueError: it is unknown.
        """
        if self.resistance is None:
            raise ValueError(f"client {self.idx}: the kind of resistance is unknown, so nobody can act it")
        return self.resistance


class ProfileError(ValueError):
    """An invalid table. The message has one line per fault; `.faults` holds the lines."""

    def __init__(self, table: Path, faults: Sequence[str]) -> None:
        where = display_path(table)
        self.faults = tuple(f"{where}: {fault}" for fault in faults)
        super().__init__("\n".join(self.faults))


def read_profiles(table: Path, portrait_folder: Path) -> list[Profile]:
    """Read the clients of a table, in its order.

    Args:
        table: a comma-separated CSV file in UTF-8 or UTF-16, with the columns `COLUMNS` and any others. Several
            portraits in a cell are separated by `;`.
        portrait_folder: the folder of the portraits; see `mirror.files.image_paths` for how paths are resolved.

    Raises:
        ProfileError: the table or the folder cannot be read, or rows are invalid; lists the faults of all rows.
    """
    rows, faults = _rows(table)
    if not portrait_folder.is_dir():
        raise ProfileError(table, [f"the portrait folder {display_path(portrait_folder)} does not exist"])
    folder = PictureFolder(portrait_folder)
    found = {number: _portraits(row["img_path"], folder) for number, row in rows.items()}
    broken = picture_faults(path for portraits, _ in found.values() for path in portraits)
    first: dict[str, str] = {}
    for number, row in rows.items():
        portraits, problems = found[number]
        where = f"row {number}" + f" (idx {row['idx']})" * is_folder_name(row["idx"])
        unreadable = [f"img_path: {broken[path]}" for path in portraits if path in broken]
        faults += [(number, f"{where}: {p}") for p in (*_problems(row, first), *problems, *unreadable)]
        first.setdefault(folder_key(row["idx"]), where)
    if faults:
        raise ProfileError(table, [fault for _, fault in sorted(faults, key=lambda fault: fault[0])])
    return [_profile(row, found[number][0]) for number, row in rows.items()]


def _profile(row: Mapping[str, str], portraits: tuple[Path, ...]) -> Profile:
    """Return the client of a valid row."""
    resistance = resistance_of(row["personality"])
    assert resistance is not None  # checked by `_problems`
    return Profile(
        idx=row["idx"],
        personal_info=row["personal_info"],
        resistance=resistance,
        distorted_thought=row["distorted_thought"],
        reason=row["reason_for_seeking_counseling"],
        gender=row["dominant_gender"],
        portraits=portraits,
        name=row.get(NAME, ""),
    )


def resistance_of(personality: str) -> Resistance | None:
    """Return the kind of resistance that a text names; None if it names no kind or several.

    The words before "resistance" decide, whatever else the text says. Without that word, the text must name a single
    kind, or be "none" or "no".
    """
    text = " ".join(personality.lower().replace("_", " ").split())
    labeled = re.findall(r"\w+", " ".join(_LABEL.findall(text)))
    if not labeled and text.strip(".") in ("none", "no"):
        return "none"
    kinds = {RESISTANCES[word] for word in labeled or _KIND.findall(text) if word in RESISTANCES}
    return kinds.pop() if len(kinds) == 1 else None


# The table ------------------------------------------------------------------------------------------------------------


def _rows(table: Path) -> tuple[dict[int, dict[str, str]], list[tuple[int, str]]]:
    """Return the rows by number, each column → stripped cell, and the (row number, fault) of malformed rows."""
    try:
        cells = read_csv(table, COLUMNS)
    except CsvFileError as error:
        raise ProfileError(table, [str(error)]) from None
    header = cells.header
    if faults := list(_header_faults(header)):
        raise ProfileError(table, faults)
    if not cells.rows and not cells.uneven:
        raise ProfileError(table, ["has no clients; each row below the header is one"])
    uneven = [
        (
            number,
            f"row {number}: has {count} cells, the header has {len(header)}; quote cells that contain the separator",
        )
        for number, count in cells.uneven.items()
    ]
    even = {
        number: {
            column: "" if has_no_value(cell, column == NAME) else cell for column, cell in zip(header, row, strict=True)
        }
        for number, row in cells.rows.items()
    }
    return even, uneven


def has_no_value(cell: str, is_name: bool = False) -> bool:
    """Return whether a cell holds a program's marker for a missing value; an empty cell holds none.

    Args:
        cell: its text, without surrounding spaces.
        is_name: whether it holds a person's name: `Nan` is one, `nan` is not.
    """
    words = cell.rstrip(". ")
    if words.lower() not in NO_VALUE:
        return False
    return not is_name or not words.isalpha() or words in NO_NAME


def is_folder_name(idx: str) -> bool:
    """Return whether an idx can name a folder: at most 60 letters, digits, `.`, `_`, `-` and inner spaces."""
    return bool(_FOLDER_NAME.fullmatch(idx))


def folder_key(idx: str) -> str:
    """Normalize `idx` as case-insensitive file systems compare names."""
    return unicodedata.normalize("NFC", idx).casefold()


def _header_faults(header: Sequence[str]) -> Iterator[str]:
    counted = Counter(header)
    names = ", ".join(name if name.isprintable() else ascii(name) for name in header if name)
    for column in (*COLUMNS, NAME):
        if counted[column] > 1:
            yield f"row 1: column {column} occurs {counted[column]} times; keep one"
        elif not counted[column] and column != NAME:
            yield f"row 1: column {column} is missing; the columns found are {names:.500}"


def _problems(row: Mapping[str, str], first: Mapping[str, str]) -> Iterator[str]:
    """Yield the faults in the text of a row; `first` maps the folder names of earlier rows to where they were given."""
    for column in COLUMNS:
        if not row[column]:
            yield f"{column}: is empty; {HINTS.get(column, 'fill it in')}"
    for column in (*COLUMNS[1:], NAME):  # idx has stricter rules
        if odd := lone_surrogate(row.get(column, "")) or control_character(row.get(column, "")):
            yield f"{column}: holds {odd}; delete it"
    if row["idx"] and not is_folder_name(row["idx"]):
        yield (
            f"idx: must be usable as a folder name (at most 60 letters, digits, . _ - and inner spaces), "
            f"found {row['idx']!r:.80}"
        )
    elif row["idx"] and (before := first.get(folder_key(row["idx"]))):
        yield f"idx: names the same folder as {before}; give every client its own"
    if row["personality"] and resistance_of(row["personality"]) is None:
        yield (
            "personality: must name one of Emotional, Cognitive, Behavioral or No Resistance, "
            f"found {row['personality']!r:.80}"
        )


# Portraits ------------------------------------------------------------------------------------------------------------


def _portraits(cell: str, folder: PictureFolder) -> tuple[tuple[Path, ...], list[str]]:
    """Return the files that a cell names, and the faults of the others."""
    if lone_surrogate(cell) or control_character(cell):
        return (), []  # reported by `_problems`
    found, problems = [], []
    for name in filter(None, (name.strip() for name in cell.split(";"))):
        try:
            found.append(folder.find(name))
        except PicturePathError as error:
            problems.append(f"img_path: {error}")
    if cell and not found and not problems:
        problems.append(f"img_path: names no picture, found {cell!r:.80}")
    return tuple(found), problems
