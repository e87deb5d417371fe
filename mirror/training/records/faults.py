"""Faults of a training set: the error that lists them, and the table that holds all."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mirror.files.atomic import write_text
from mirror.files.csv_file import escape_cell


@dataclass(frozen=True)
class RecordFault:
    """A fault in one field of one record.

    Attributes:
        record: its number in the file (from 0) and its id, or `file` or `all`.
        field: its name in the file.
        problem: what is wrong.
    """

    record: str
    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.record}: {self.field}: {self.problem}"


class DataError(ValueError):
    """A training set with faults. The message lists the first 20; `faults` holds all."""

    def __init__(self, file: Path, faults: Sequence[RecordFault], records: int, advice: str = "fix the file") -> None:
        """Compose the message.

        Args:
            file: the training set.
            faults: at least one.
            records: number of records in the file; 0 if it cannot be read at all.
            advice: what to do.
        """
        self.faults = tuple(faults)
        bad = len({fault.record for fault in faults})
        count = f"{len(faults)} fault{'s' * (len(faults) != 1)}" + f" in {bad} of {records} records" * bool(records)
        shown = "\n".join(f"  {fault}" for fault in faults[:20])
        more = f"\n  … and {len(faults) - 20} more" if len(faults) > 20 else ""
        super().__init__(f"{file}: {count}:\n{shown}{more}\n{advice}")


def write_faults(path: Path, faults: Sequence[RecordFault]) -> None:
    """Write all faults as a CSV table with the columns record, field and problem."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["record", "field", "problem"])
    writer.writerows(map(escape_cell, (fault.record, fault.field, fault.problem)) for fault in faults)
    write_text(path, text.getvalue())
