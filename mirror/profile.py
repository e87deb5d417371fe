"""The clients of a test table: read and checked as a whole, with every fault reported at once.

Knows nothing of prompts, sessions or models.
"""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Literal

from PIL import Image

from mirror.run import display_path

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
    """The clients of a CSV table (UTF-8, comma-separated, any further columns), in its order.

    A portrait lies below `portrait_folder`, whatever the table says. Of an absolute path, which belongs to the machine
    that the table was made on, the longest end that names a file there is taken: `/home/someone/faces/12/a.png` is
    `12/a.png` in the folder, or else `a.png`. Several portraits are separated by `;`.

    Raises:
        ProfileError: the table or the folder cannot be read, or rows have faults: all of them.
    """
    rows, faults = _rows(table)
    if not portrait_folder.is_dir():
        raise ProfileError(table, [f"the portrait folder {display_path(portrait_folder)} is not there"])
    found = {number: _portraits(row["img_path"], portrait_folder) for number, row in rows.items()}
    broken = _unreadable({path for portraits, _ in found.values() for path in portraits})
    first: dict[str, str] = {}
    for number, row in rows.items():
        portraits, problems = found[number]
        where = f"row {number}" + f" (idx {row['idx']})" * bool(_FOLDER_NAME.fullmatch(row["idx"]))
        unreadable = [f"img_path: {broken[path]}; replace the picture" for path in portraits if path in broken]
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
    reader = csv.reader(io.StringIO(_text(table), newline=""), strict=True)
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
    even = {n: dict(zip(header, row, strict=True)) for n, row in cells.items() if len(row) == len(header)}
    return even, uneven


def _text(table: Path) -> str:
    try:
        return table.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ProfileError(table, [f"cannot be read ({error.strerror}); give the path of a CSV table"]) from None
    except UnicodeDecodeError as error:
        found = f"byte 0x{error.object[error.start]:02x} at position {error.start}"
        raise ProfileError(table, [f"is not UTF-8 text, found {found}; save it as CSV in UTF-8"]) from None


def _header_faults(header: Sequence[str]) -> Iterator[str]:
    for mark, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(header) == 1 and len(set(header[0].split(mark)) & set(COLUMNS)) > 1:
            yield f"row 1: columns are separated by {name}; save it with commas"
            return
    counted = Counter(header)
    for column in (*COLUMNS, NAME):
        if counted[column] > 1:
            yield f"row 1: column {column} is there {counted[column]} times; leave one"
        elif not counted[column] and column != NAME:
            yield f"row 1: column {column} is missing; the columns found are {', '.join(filter(None, header))}"


def _problems(row: Mapping[str, str], first: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the words of a row; `first` says where the folders of earlier rows were named."""
    for column in COLUMNS:
        if not row[column]:
            hint = "; write unknown where it is not known" if column == "dominant_gender" else "; fill it in"
            yield f"{column}: is empty{hint}"
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


def _portraits(cell: str, folder: Path) -> tuple[tuple[Path, ...], list[str]]:
    """The files that a cell names, and what is wrong with the others."""
    found, problems = [], []
    for name in filter(None, (name.strip() for name in cell.split(";"))):
        windows = PureWindowsPath(name)
        path = windows if windows.drive.endswith(":") else PurePosixPath(name)
        parts = path.parts[1:] if path.anchor else path.parts
        ends = [folder.joinpath(*parts[start:]) for start in range(len(parts) if path.anchor else 1)]
        if ".." in parts:
            problems.append(f"img_path: must stay in the portrait folder, found {name!r:.200}; take the .. out")
        elif portrait := next(filter(_is_file, ends), None):
            found.append(portrait)
        else:
            what = "no end of this absolute path is a file" if path.anchor else "no such file"
            problems.append(f"img_path: {what} in {display_path(folder)}, found {name!r:.200}")
    if cell and not found and not problems:
        problems.append(f"img_path: names no picture, found {cell!r:.80}")
    return tuple(found), problems


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _unreadable(paths: set[Path]) -> dict[Path, str]:
    """What is wrong with each picture that cannot be decoded whole."""

    def problem(path: Path) -> str:
        try:
            with Image.open(path) as image:
                image.load()
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            return f"{display_path(path)} cannot be read as a picture ({error})"
        return ""

    with ThreadPoolExecutor() as pool:
        ordered = sorted(paths)
        return {path: text for path, text in zip(ordered, pool.map(problem, ordered), strict=True) if text}
