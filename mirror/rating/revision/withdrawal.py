"""Takes the ratings of one person or judge out of runs: whoever withdraws, or only rehearsed, counts in no analysis.

What was taken out is kept beside the file that it was in, as `<file>.withdrawn-<time>.jsonl`, the time in UTC. Nothing
reads its scores again; it says which ratings must not be imported a second time. To undo it, append its lines to the
file and remove it.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from mirror.files.atomic import write_parts
from mirror.files.json_lines import encoded, read_lines
from mirror.files.lock import locked
from mirror.rating import preferences, ratings
from mirror.rating.preferences import PreferenceRecord
from mirror.rating.ratings import RatingRecord

Record = RatingRecord | PreferenceRecord
MARK = "withdrawn"
KINDS: dict[str, type[RatingRecord] | type[PreferenceRecord]] = {
    ratings.FILE: RatingRecord,
    preferences.FILE: PreferenceRecord,
}


class Withdrawn(NamedTuple):
    """What was taken out of a file.

    Attributes:
        path: the file that it was in.
        kept: the file that it is in now.
        lines: their number.
    """

    path: Path
    kept: Path
    lines: int


def withdraw(
    folders: Iterable[Path], judge: str, instrument: str = "", chosen: Callable[[Record], bool] = lambda record: True
) -> list[Withdrawn]:
    """Takes ratings, and preferences between sessions, out of runs.

    What is taken out is on disk before it is removed.

    Args:
        folders: of rated runs, and of runs with preferences.
        judge: as the ratings name it: `human anna`, or a model.
        instrument: by this one alone; empty: by all.
        chosen: which of these ratings.

    Returns:
        One entry per file that had some.

    Raises:
        JsonLinesError: a file has an invalid line.
        FolderInUse: another process is writing to one of the runs.
    """
    found = []
    for folder in folders:
        with locked(folder, "withdrawing ratings"):
            for file, kind in KINDS.items():
                lines: list[Record] = list(read_lines(folder / file, kind))
                out = [
                    line.judge == judge and line.instrument == (instrument or line.instrument) and chosen(line)
                    for line in lines
                ]
                if any(out):
                    found.append(_move(folder / file, lines, out))
    return found


def _move(path: Path, lines: list[Record], out: list[bool]) -> Withdrawn:
    kept = _unused(path)
    _write(kept, (line for line, is_out in zip(lines, out, strict=True) if is_out))
    _write(path, (line for line, is_out in zip(lines, out, strict=True) if not is_out))
    return Withdrawn(path, kept, sum(out))


def _unused(path: Path) -> Path:
    """A name with the time for what is taken out of a file."""
    stem = f"{path.stem}.{MARK}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (path.with_name(f"{stem}{number}.jsonl") for number in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(name for name in names if not name.exists())


def _write(path: Path, lines: Iterable[BaseModel]) -> None:
    write_parts(path, map(encoded, lines))


def judges(folder: Path) -> set[str]:
    """Who has rated in the folder of a run, as the ratings name them."""
    return {line.judge for file, kind in KINDS.items() for line in read_lines(folder / file, kind)}


def withdrawn(folder: Path) -> set[str]:
    """The ratings that were taken out of a run's file of ratings, by the digest `asked`.

    Raises:
        JsonLinesError: a file has an invalid line.
    """
    files = folder.glob(f"{Path(ratings.FILE).stem}.{MARK}-*.jsonl")
    return {line.asked for path in files for line in read_lines(path, RatingRecord)}
