"""Random faults over every stage of the work: `python -m tests.attack --faults 300 --seed 1`."""

import sys
from pathlib import Path

# The tests' own modules are imported by their plain names, here as under pytest.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
