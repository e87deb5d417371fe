"""Faults of a training set: the message, which stays short, and the table of all."""

import csv
from pathlib import Path

from mirror.training.records.faults import DataError, RecordFault, write_faults


def test_the_message_lists_the_first_twenty_and_counts_the_rest(tmp_path):
    faults = [RecordFault(f"record {i // 2}", "image", f"problem {i}") for i in range(25)]
    error = DataError(tmp_path / "data.json", faults, 40)
    assert error.faults == tuple(faults)
    lines = str(error).splitlines()
    assert lines[0] == f"{tmp_path / 'data.json'}: 25 faults in 13 of 40 records:"
    assert lines[1:21] == [f"  record {i // 2}: image: problem {i}" for i in range(20)]
    assert lines[21:] == ["  … and 5 more", "fix the file"]
    assert "more" not in str(DataError(tmp_path / "data.json", faults[:20], 40))


def test_faults_are_written_as_a_table(tmp_path):
    faults = [
        RecordFault("record 1 (a:0:r)", "image", 'no such file "a, b"\nat all'),
        RecordFault("record 2", "x", "y"),
    ]
    write_faults(tmp_path / "tables/faults.csv", faults)
    with open(tmp_path / "tables/faults.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows == [["record", "field", "problem"], *([f.record, f.field, f.problem] for f in faults)]


def test_one_fault_is_one_and_a_file_that_cannot_be_read_has_no_records():
    message = str(DataError(Path("d.json"), [RecordFault("file", "JSON", "is empty")], 0))
    assert message == "d.json: 1 fault:\n  file: JSON: is empty\nfix the file"


def test_two_faults_of_one_record_are_two_in_one():
    faults = [RecordFault("record 0 (a)", field, "is missing") for field in ("id", "image")]
    message = str(DataError(Path("d.json"), faults, 9, "ask for it again"))
    assert message.startswith("d.json: 2 faults in 1 of 9 records:\n") and message.endswith("\nask for it again")
