"""Texts of a vendor, 100 kB each: no reader's time grows with the square of their length."""

import subprocess
import sys

import pytest

from tests import ROOT
from tests.hostile_texts import BEGINNINGS, LENGTH, READERS, REPEATED

LIMIT = 60  # seconds for all of a reader's texts, which take a few; with the square of a length one alone takes longer


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_takes_time_in_proportion_to_the_text(reader):
    assert len(BEGINNINGS) * len(REPEATED) > 100 and LENGTH == 100_000
    command = [sys.executable, ROOT / "tests/hostile_texts.py", reader]
    done = subprocess.run(command, timeout=LIMIT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
