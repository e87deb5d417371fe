"""Tests, in the folders of the code they test; what several share lies here."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests/data"
