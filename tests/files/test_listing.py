"""Files are listed in order, with readable sizes."""

import pytest

from mirror.files.atomic import write_text
from mirror.files.listing import files, overview, shortened


def test_what_was_written_is_listed_in_order(output):
    for name in ("b/x.bin", "a/y.bin", "a/deeper/z.bin"):
        write_text(output / name, "x" * 10)
    found = files(output / "b", output / "a", output / "missing")
    assert [row["file"] for row in found] == ["b/x.bin", "a/deeper/z.bin", "a/y.bin"]


def test_a_large_folder_is_one_row_of_an_overview_and_hidden_files_are_none(output):
    for name in ("run/a.csv", "run/.lock", "run/few/b.txt", "run/few/.lock", "run/many/1/x.png", "run/many/1/.lock"):
        write_text(output / name, "x" * 10)
    for number in (2, 3):
        write_text(output / f"run/many/{number}/x.png", "x" * 1000)
    assert overview(output / "run", most=2) == [
        {"file": "run/a.csv", "files": "1", "size": "10 B"},
        {"file": "run/few/b.txt", "files": "1", "size": "10 B"},
        {"file": "run/many/", "files": "3", "size": "2.01 kB"},
    ]


def test_a_folder_of_folders_counts_by_its_files(output):
    for number in range(3):
        for name in ("a.json", "b.json"):
            write_text(output / f"run/sessions/{number}/{name}", "x")
    assert [row["file"] for row in overview(output / "run", most=5)] == ["run/sessions/"]
    assert len(overview(output / "run", most=6)) == 6


def test_a_long_path_is_shortened_in_the_middle():
    path = f"/tmp/{'folder/' * 20}results/rate-rules/provenance.json"
    found = shortened(path)
    assert len(found) == 72 and found.startswith("/tmp/folder/") and found.endswith("/rate-rules/provenance.json")
    assert "…" in found and shortened("a" * 72) == "a" * 72


@pytest.mark.parametrize(
    "size, shown",
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1234, "1.23 kB"),
        (25_600_000, "25.6 MB"),
        (13_400_000_000, "13.4 GB"),
    ],
)
def test_sizes_are_readable(size, shown, output):
    output.mkdir()
    with open(output / "x", "wb") as file:
        file.truncate(size)
    assert [row["size"] for row in files(output)] == [shown]


@pytest.mark.parametrize("size", [999_700, 999_999_999])
def test_sizes_just_below_a_unit_are_readable_too(size, output):
    output.mkdir()
    with open(output / "x", "wb") as file:
        file.truncate(size)
    assert "e" not in files(output)[0]["size"]
