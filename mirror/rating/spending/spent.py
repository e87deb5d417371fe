"""What a rating run has paid for, read from the files of its answers."""

from collections.abc import Iterable
from pathlib import Path

from mirror.files.json_lines import read_lines
from mirror.rating import preferences, ratings
from mirror.rating.preferences import PreferenceRecord
from mirror.rating.ratings import RatingRecord


def read_spent(rated: Iterable[Path], run: Path) -> list[RatingRecord | PreferenceRecord]:
    """Reads every answer that a rating run has paid for, also those that were asked again.

    Args:
        rated: the folders of the rated runs.
        run: the folder of the rating run, whose name its answers hold.

    Raises:
        JsonLinesError: a file has an invalid line.
    """
    lines: list[RatingRecord | PreferenceRecord] = []
    for folder in rated:
        lines += read_lines(folder / ratings.FILE, RatingRecord)
    lines += read_lines(run / preferences.FILE, PreferenceRecord)
    return [line for line in lines if line.run == run.name]
