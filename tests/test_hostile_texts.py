"""Texts of a vendor, 50 kB each: no reader's time grows with the square of their length."""

import subprocess
import sys

import pytest

from tests import ROOT
from tests.hostile_texts import BEGINNINGS, LENGTH, READERS, REPEATED


@pytest.mark.slow
def test_readers_take_time_in_proportion_to_the_text():
    assert len(BEGINNINGS) * len(REPEATED) > 100 and LENGTH == 50_000
    done = subprocess.run([sys.executable, "-m", "tests.hostile_texts"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout.splitlines()[-1]} is slow or fails: {done.stderr}"
    assert done.stdout.splitlines() == [*READERS]
