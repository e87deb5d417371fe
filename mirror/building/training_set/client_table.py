"""The table of a training set's test clients, with their portraits, in the columns that counseling reads."""

import csv
import io
import re
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from mirror.building.dropped import Dropped, Sifted
from mirror.building.screenplays import Screenplay
from mirror.files.image_file import ENDINGS, picture_faults
from mirror.files.text_file import control_character, lone_surrogate
from mirror.prompts import is_known
from mirror.transcripts.profile import COLUMNS, NAME, NO_VALUE, resistance_of

HEADER = (COLUMNS[0], NAME, *COLUMNS[1:])
GENDERS = {"woman": "Woman", "man": "Man", "": "unknown"}
_IDX = re.compile(r"\w(?:[\w .-]{0,58}\w)?")  # as the reader of client tables has it


def sift_clients(clients: Iterable[Screenplay]) -> Sifted[Screenplay]:
    """Return the clients that can be counseled: with a portrait and every column that the table needs.

    Args:
        clients: with portraits; their lines and pictures do not matter.
    """
    kept: list[Screenplay] = []
    dropped: list[Dropped] = []
    seen: set[str] = set()
    for client in clients:
        folder = unicodedata.normalize("NFC", client.idx).casefold()
        fault = ("duplicate", "another client has this idx") if folder in seen else _fault(client)
        seen.add(folder)
        if fault:
            dropped.append(Dropped("record", client.idx, None, *fault, what="test client"))
        else:
            kept.append(client)
    return Sifted(tuple(kept), tuple(dropped))


def _fault(client: Screenplay) -> tuple[str, str] | None:
    """Return the reason and detail of why a client cannot be in the table."""
    if not _IDX.fullmatch(client.idx):
        return "bad_idx", f"idx must be usable as a folder name of at most 60 characters, found {client.idx!r:.80}"
    if client.portrait is None:
        return "no_portrait", "there is nothing to paint the client's face from"
    row = _row(client)
    if empty := [column for column in COLUMNS if _is_missing(row[column])]:
        return "empty_column", f"the columns {', '.join(empty)} are empty"
    if resistance_of(row["personality"]) is None:
        return "unknown_resistance", f"personality names no single kind of resistance, found {row['personality']!r:.80}"
    for column, text in row.items():
        if odd := lone_surrogate(text) or control_character(text):
            return "control_text", f"{column} holds {odd}"
    if broken := picture_faults(client.portrait.files):
        return "bad_portrait", "; ".join(broken.values())
    return None


def _is_missing(cell: str) -> bool:
    return not is_known(cell) or cell.strip().rstrip(". ").lower() in NO_VALUE


def write_clients(clients: Sequence[Screenplay], table: Path, portraits: Path) -> None:
    """Write the table and copy the portraits that it names.

    Args:
        clients: as `sift_clients` keeps them, in the order of the rows.
        table: the CSV file to write. Cells stand as they are, not escaped for spreadsheets, as its reader takes them.
        portraits: the folder to copy the portraits to.
    """
    portraits.mkdir(parents=True, exist_ok=True)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, HEADER, lineterminator="\n")
    writer.writeheader()
    for client in clients:
        writer.writerow(_row(client))
        for source, name in zip(client.portrait.files if client.portrait else (), portrait_files(client), strict=True):
            (portraits / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source, portraits / name)
    table.write_text(text.getvalue(), encoding="utf-8", newline="")


def portrait_files(client: Screenplay) -> tuple[str, ...]:
    """Return the names of the copies of a client's portraits: `<idx>/<number from 1>.<ending>`."""
    endings = [file.suffix.lower() for file in (client.portrait.files if client.portrait else ())]
    return tuple(f"{client.idx}/{number}{ending * (ending in ENDINGS)}" for number, ending in enumerate(endings, 1))


def _row(client: Screenplay) -> dict[str, str]:
    info = client.info
    gender = info.gender or (client.portrait.gender if client.portrait else "")
    return {
        "idx": client.idx,
        NAME: info.name if is_known(info.name) else "",
        "personal_info": info.personal_info,
        "personality": info.personality,
        "distorted_thought": info.distorted_thought,
        "reason_for_seeking_counseling": info.reason,
        "img_path": ";".join(portrait_files(client)),
        "dominant_gender": GENDERS.get(gender.lower(), gender),
    }
