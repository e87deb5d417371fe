"""How many dialogues survive if rejected faces are painted again, against dropping a dialogue at its first one."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from mirror.building.pictures.journal import PICTURES, PictureRecord
from mirror.files.json_lines import read_lines

COLUMNS = ["attempts", "dialogues", "survive", "share", "painted", "painted_per_dialogue"]


def ablation(folder: Path) -> pd.DataFrame:
    """One row per number of attempts, from 1 (the published way) to the most that were made.

    A dialogue is dropped at its first line, in order, none of whose attempts is accepted. The journals of any policy
    give the same table: attempts depend on seeds alone, and those after the first accepted one were never painted.

    Args:
        folder: of the pictures, with one folder per dialogue.

    Returns:
        attempts, dialogues, survive, share (of dialogues, 0…1), painted (faces until each dialogue is done or
        dropped), painted_per_dialogue (faces for each dialogue that survives; missing if none does).
    """
    return ablation_of(read_lines(path, PictureRecord) for path in sorted(folder.glob(f"*/{PICTURES}")))


def ablation_of(dialogues: Iterable[Sequence[PictureRecord]]) -> pd.DataFrame:
    """As `ablation`, from the records of each dialogue."""
    newest = [{one.line: one for one in records} for records in dialogues]
    made = [[records[line] for line in sorted(records)] for records in newest if records]
    most = max((len(record.attempts) for records in made for record in records), default=0)
    rows = []
    for attempts in range(1, most + 1):
        ends = [_end(records, attempts) for records in made]
        survive, painted = sum(alive for alive, _ in ends), sum(count for _, count in ends)
        each = painted / survive if survive else None
        rows.append([attempts, len(made), survive, survive / len(made), painted, each])
    return pd.DataFrame(rows, columns=COLUMNS)


def _end(records: Sequence[PictureRecord], attempts: int) -> tuple[bool, int]:
    """Whether a dialogue survives, and the faces painted until then."""
    painted = 0
    for record in records:
        accepted = next((one.number for one in record.attempts if one.verdict.accepted), None)
        painted += min(accepted or len(record.attempts), attempts)
        if accepted is None or accepted > attempts:
            return False, painted
    return True, painted
