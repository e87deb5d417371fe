"""The benchmark of large runs at a small size: sessions are complete and sound, growth is told between sizes."""

import json
import sys

import pytest

from mirror.benchmarks.scale.__main__ import Measured, disk, grow, growth, main
from mirror.benchmarks.synthetic_runs import write_run
from mirror.transcripts.arm import Arm
from mirror.transcripts.integrity import run_faults


def test_a_run_grows_by_complete_and_sound_sessions(tmp_path, monkeypatch):
    monkeypatch.setattr("mirror.benchmarks.scale.__main__.TEXTS", 2)
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    for size in grow(tmp_path, [3, 2], turns=2, side=16):
        for name in ("scale", "scale-other"):
            arm = Arm.read(tmp_path / "results" / name)
            assert len(arm.sessions) == size and {session.ended["status"] for session in arm.sessions} == {"complete"}
        assert not any(faults for _, faults in run_faults(tmp_path / "results/scale"))
        assert not any(faults for _, faults in run_faults(tmp_path / "results/scale-other", False, True))
    assert size == 3


def test_files_and_bytes_on_disk_are_counted(tmp_path):
    write_run(tmp_path / "run", ["1", "2"], 1, 1)
    found = disk(tmp_path / "run")
    assert (found.sessions, found.files) == (2, 6)  # client, turns and end of each
    assert found.content == sum(path.stat().st_size for path in tmp_path.rglob("sessions/*/*"))
    assert found.occupied >= 6 * 512


def test_the_exponent_is_1_where_seconds_double_with_the_sessions():
    sizes = [Measured("x", 100, 9.0, 50), Measured("x", 1000, 2.0, 100), Measured("x", 2000, 4.0, 150)]
    assert growth(sizes) == ("1.00", "50.0 kB") and growth(sizes[:1]) == ("–", "–")


@pytest.mark.slow
@pytest.mark.proof
def test_it_reports_every_step_at_every_size(tmp_path, monkeypatch):
    words = ["scale", "--sessions", "2", "4", "--turns", "1", "--side", "16", "--out", "out"]
    words += ["--only", "list the sessions", "check every file"]
    monkeypatch.setenv("MIRROR_OUTPUT", str(tmp_path))
    monkeypatch.setattr(sys, "argv", words)
    main()
    report = (tmp_path / "out/scale.md").read_text()
    assert "| step | 2 | 4 | exponent |" in report and "| check every file | " in report
    assert len(json.loads((tmp_path / "out/scale.json").read_text())["steps"]) == 4
