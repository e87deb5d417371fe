"""Measures memory and speed of counseling on a small GPU: with and without models that take turns, under a cap.

    python -m mirror.benchmarks.memory                  # LLaVA-7b, SDXL and the filters' real shapes, on a GPU
    python -m mirror.benchmarks.memory --size pocket    # the pocket models, on any machine; no memory is measured

Random weights in bf16; no download. Every row is measured in a process of its own and written at once; rows of earlier
runs are kept. Writes `memory.md` and `memory.json`.
"""

import argparse
import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import torch

from mirror.benchmarks.memory.case import Case, Measurement, run_case
from mirror.benchmarks.memory.report import add
from mirror.console import run_command
from mirror.models.memory.plan import RESTING
from mirror.paths import output_path

MODULE = "mirror.benchmarks.memory"


def _parser() -> argparse.ArgumentParser:
    description = "Measure memory and speed of counseling on a small GPU."
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=description)
    parser.add_argument("--size", choices=("7b", "pocket"), default="7b")
    parser.add_argument("--card", type=int, default=24, help="GiB of the card that is pretended; 0: the whole GPU")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--offload", nargs="+", choices=list(RESTING), default=["none", "all"])
    parser.add_argument("--paint-batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=50, help="7b: denoising steps per face")
    parser.add_argument("--compile", choices=("none", "blocks", "whole"), default="blocks", help="7b: the painter")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    parser.add_argument("--case", help=argparse.SUPPRESS)  # one case, in a process of its own
    return parser


def main() -> None:
    """Run the command line."""
    given = _parser().parse_args()
    if given.case:
        print(json.dumps(asdict(run_case(Case(**json.loads(given.case))))))
        return
    if given.size == "7b" and not torch.cuda.is_available():
        sys.exit("--size 7b needs an NVIDIA GPU, and PyTorch sees none")
    failed = []
    for sessions in given.sessions:
        for offload in given.offload:
            common = given.card, given.paint_batch, given.size, given.steps, given.turns, given.compile
            case = Case(offload, sessions, *common)
            command = [sys.executable, "-m", MODULE, "--case", json.dumps(asdict(case))]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
            if done.returncode:
                failed.append(f"offload {offload}, {sessions} sessions")
                continue
            measurement = Measurement.of(json.loads(done.stdout.splitlines()[-1]))
            shown = " ".join(["python -m", MODULE, *sys.argv[1:]])
            print(add(output_path(given.out), measurement, shown), flush=True)
    if failed:
        sys.exit(f"failed: {'; '.join(failed)}")


if __name__ == "__main__":
    run_command(main)
