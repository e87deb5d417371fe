"""Seeds are stable."""

import os
import subprocess
import sys

from mirror.seeds import seed_for
from tests import ROOT


def test_seeds_are_the_same_for_ever():
    """Whoever changes these two changes every published run."""
    assert seed_for("split", 42) == 4_330_518_563_725_188_912
    assert seed_for("turn", 7, 3, 1) == 5_680_557_210_187_601_075


def test_seeds_are_the_same_in_every_process():
    script = "from mirror.seeds import seed_for; print(seed_for('split', 42))"
    for hash_seed in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": hash_seed},
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.stdout == f"{seed_for('split', 42)}\n", done.stderr


def test_seeds_differ_by_every_part_and_by_their_order():
    parts = [(), ("a",), ("b",), ("a", 1), ("a", 2), (1, "a"), ("a", "1"), ("a", 1, 1), ("a,1",), ("a1",), ("é",)]
    assert len({seed_for(*p) for p in parts}) == len(parts)


def test_seeds_fit_what_takes_them():
    seeds = [seed_for("x", i) for i in range(200)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62 and len(set(seeds)) == len(seeds)
