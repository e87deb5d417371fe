"""Tests, in the folders of the code they test; what several share lies here."""

import os
from pathlib import Path

# Before anything imports huggingface_hub, which reads it once: no test asks the Hub for what it does not have.
os.environ["HF_HUB_OFFLINE"] = "1"

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "tests/data"
