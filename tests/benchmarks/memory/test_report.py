"""The report of the benchmark of memory: a row per case, the newest of each, in the order of sessions."""

import json

from mirror.benchmarks.memory.case import Case, Measurement
from mirror.benchmarks.memory.report import add, table


def measured(offload="all", sessions=1, card=24, **values):
    given = {"estimated": 17.31, "fits": True, "reserved": 18.24, "painting": 3.456, "replying": 0.2, "pinned": 21.7}
    times = {
        "seconds": 4.0,
        "stages": {"painter": 3.2, "counselor": 0.75},
        "moving": {"counselor": 0.61, "painter": 0.3},
    }
    return Measurement(Case(offload, sessions, card, 1, "7b", 50, 3), "GPU", **{**given, **times, **values})


def cells(text):
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]]


def test_a_row_says_what_was_needed_and_how_fast_it_was():
    assert cells(table([measured()])) == [
        ["24 GiB", "1", "all", "17.3", "18.2", "3.46", "0.20", "21.7", "4.00", "3.20", "0.75"]
        + ["counselor 0.61, painter 0.30"]
    ]


def test_what_ran_out_of_memory_is_a_row_too():
    failed = Measurement(Case("none", 1, 0, 1, "7b", 50, 3), "GPU", 30.0, False, failure="out of memory")
    expected = ["the whole GPU", "1", "none", "30.0, refused", "out of memory", "–", "–", "0.0", "–", "–", "–", "–"]
    assert cells(table([failed])) == [expected]


def test_rows_are_kept_and_a_case_that_is_measured_again_replaces_its_own(tmp_path):
    for row in (measured(sessions=4), measured(), measured(card=0, offload="none"), measured(estimated=9.0)):
        found = add(tmp_path, row, "python -m x")
    assert [row[:4] for row in cells(found)] == [
        ["24 GiB", "1", "all", "9.0"],
        ["the whole GPU", "1", "none", "17.3"],
        ["24 GiB", "4", "all", "17.3"],
    ]
    written = (tmp_path / "memory.md").read_text("utf-8")
    assert (
        found in written
        and "`python -m x`" in written
        and "50 steps of ddim" in written
        and "`compile` `blocks`" in written
    )
    assert Measurement.of(json.loads((tmp_path / "memory.json").read_text("utf-8"))[0]) == measured(estimated=9.0)


def test_measurements_of_another_size_make_way(tmp_path):
    add(tmp_path, measured(), "")
    small = Measurement(Case("all", 1, 24, 1, "pocket", 50, 3), "cpu")
    assert len(cells(add(tmp_path, small, ""))) == 1
    assert "The pocket models of this repository" in (tmp_path / "memory.md").read_text("utf-8")
