"""Texts of a vendor, 100 kB each: no reader's time grows with the square of their length."""

import subprocess
import sys

import pytest

from tests import ROOT
from tests.hostile_texts import BEGINNINGS, LENGTH, READERS, REPEATED

LIMIT = 300  # seconds for all texts, which take a quarter of a minute; a reader whose time is quadratic takes longer


@pytest.mark.slow
def test_readers_take_time_in_proportion_to_the_text():
    assert len(BEGINNINGS) * len(REPEATED) > 100 and LENGTH == 100_000
    command = [sys.executable, "-m", "tests.hostile_texts"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            done, errors = process.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            done, _ = process.communicate()
            pytest.fail(f"slow: {done.splitlines()[-1]}")
    assert process.returncode == 0, errors
    assert done.splitlines() == [*READERS]
