"""The benchmark of the analysis at a small size: it measures another process, not itself."""

import json
import sys

import pytest

from mirror.benchmarks.analysis import main, measure


@pytest.mark.slow
@pytest.mark.proof
def test_it_reports_time_and_memory(tmp_path, monkeypatch):
    words = ["benchmark", "--clients", "4", "--turns", "3", "--pictures", "32", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    main()
    analysis, gallery = json.loads((tmp_path / "analysis.json").read_text())
    assert 0 < analysis["seconds"] < 120 and 50 < analysis["memory"] < 2000
    assert gallery["step"].startswith("one run's gallery") and gallery["seconds"] > 0
    assert "| the whole analysis | " in (tmp_path / "analysis.md").read_text()


def test_memory_is_that_of_the_measured_process(tmp_path):
    _, small, _ = measure("print(1)", "", tmp_path)
    _, large, told = measure("x = bytearray(200_000_000); print(2, 3)", "", tmp_path)
    assert large - small > 150 and told == [2, 3]
