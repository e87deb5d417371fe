"""Runs that are killed end as runs that are not. Ten kills and more: `python -m tests.kill_counseling`."""

import pytest

from tests.kill_counseling import compare, sessions

SMALLER = {
    "sessions": 2,
    "max_turns": 3,
    "attempts": 2,
    "steps": 2,
    "merge_step": 0,
    "max_new_tokens": 8,
    "planning_max_tokens": 8,
}


@pytest.mark.slow
@pytest.mark.proof
def test_a_run_that_is_killed_ends_with_the_files_of_one_that_is_not(tmp_path, monkeypatch):
    assert compare(tmp_path, 1, seed=3, **SMALLER) == []
    assert {name.split("/")[0] for name in sessions(tmp_path / "broken")} == {"60", "61"}
    assert sum(name.endswith(".png") for name in sessions(tmp_path / "broken")) >= 6
