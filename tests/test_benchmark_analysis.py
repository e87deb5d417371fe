"""The benchmark of the analysis at a small size: it measures another process, and invents sessions that can be read."""

import json
import subprocess
import sys

from mirror.benchmark_analysis import measure, write_run
from mirror.transcript import SessionFolder


def test_it_reports_time_and_memory(tmp_path):
    command = [sys.executable, "-m", "mirror.benchmark_analysis", "--clients", "4", "--turns", "3", "--pictures", "32"]
    done = subprocess.run([*command, "--out", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    analysis, gallery = json.loads((tmp_path / "analysis.json").read_text())
    assert 0 < analysis["seconds"] < 120 and 50 < analysis["memory"] < 2000
    assert gallery["step"].startswith("one run's gallery") and gallery["seconds"] > 0
    assert "| the whole analysis | " in (tmp_path / "analysis.md").read_text()


def test_memory_is_that_of_the_measured_process(tmp_path):
    _, small, _ = measure("print(1)", "", tmp_path)
    _, large, told = measure("x = bytearray(200_000_000); print(2, 3)", "", tmp_path)
    assert large - small > 150 and told == [2, 3]


def test_invented_sessions_are_complete_and_the_same_again(tmp_path):
    for name in ("one", "two"):
        write_run(tmp_path / name, ["7"], 5, 3, "ec_planning", pictures=16)
    one, two = (SessionFolder(tmp_path / name / "sessions/7") for name in ("one", "two"))
    assert one.turns() == two.turns() and len(one.turns()) == 5 and one.ended["status"] == "complete"
    assert all((one.folder / file).is_file() for turn in one.turns() for file in turn.face.files)
