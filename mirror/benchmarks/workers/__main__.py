"""Measures the speed of counseling on several GPUs: rows side by side in one run, each with a ratio to the first.

    python -m mirror.benchmarks.workers --workers 1 2 4                       # on GPUs: random weights at 7b's shapes
    python -m mirror.benchmarks.workers --size pocket --workers 1 2           # the pocket models, on any machine
    python -m mirror.benchmarks.workers --workers 1 2 4 --client-seconds 2    # with a client that takes two seconds

Every worker has `concurrency` sessions at a time, so more workers have more sessions; one worker has a process of its
own, too. The cast is that of `mirror.benchmarks.counseling`, by default with the painter of 4 steps. Writes
`workers-<size>.md` and `.json`, updated after each row; a row that cannot be measured says why, and the others follow.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from mirror.benchmarks.counseling import print_progress
from mirror.benchmarks.random_models.cast import RECIPES
from mirror.benchmarks.workers.measurement import PARAMS, Row, measure, table
from mirror.console import run_command
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.paths import output_path
from mirror.provenance import versions
from mirror.workers.assignments import WorkersDie
from mirror.workers.cluster import ClusterError


def report(given: argparse.Namespace, rows: Sequence[Row]) -> None:
    """Writes the rows so far as Markdown and JSON, and prints the table."""
    found = table(rows)
    print(found, flush=True)
    name = output_path(given.out) / f"workers-{given.size}"
    write_json(name.with_suffix(".json"), [asdict(row) for row in rows])
    about = ", ".join(f"{package} {version}" for package, version in versions().items())
    command = " ".join(["python -m mirror.benchmarks.workers", *sys.argv[1:]])
    painter = f", painter `{given.painter}`, `compile` `{given.compile}`" * (given.size != "pocket")
    write_text(
        name.with_suffix(".md"),
        f"# Counseling on several GPUs\n\n`{command}`\n\n{about}.\n\nVariant `{given.cot}`{painter}; per worker "
        f"{given.concurrency} sessions of {given.turns} turns in {given.waves} waves, a client of "
        f"{given.client_seconds:g} s.\n\n{found}\n\n*start*: loading, compiling, and one unmeasured turn. *same "
        "transcripts*: of the sessions that all rows have, to the byte; on a GPU, rounding may differ.\n",
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mirror.benchmarks.workers", description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--size", choices=tuple(PARAMS), default="7b")
    parser.add_argument("--cot", default="base", help="variant of the counselor")
    parser.add_argument("--concurrency", type=int, help="sessions at a time per worker; default: 16, pocket 2")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--painter", choices=tuple(RECIPES), default="fast", help="7b: 4 steps, or 50 as published")
    parser.add_argument("--compile", choices=("none", "blocks", "whole"), help="default: blocks, pocket none")
    parser.add_argument("--client-seconds", type=float, default=0.0, help="for the client's words, of a wave together")
    parser.add_argument("--waves", type=int, default=1, help="parts of the sessions: one waits, another is painted")
    parser.add_argument("--ray-address", default="", help="of a cluster; empty: this machine")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    return parser


def main() -> None:
    """Runs the command line; exits with 1 if a row could not be measured."""
    given = _parser().parse_args()
    if given.size == "7b" and not given.ray_address and not torch.cuda.is_available():
        sys.exit("--size 7b needs NVIDIA GPUs, and PyTorch sees none; use --size pocket, or name a cluster")
    given.concurrency = given.concurrency or (2 if given.size == "pocket" else 16)
    given.compile = given.compile or ("none" if given.size == "pocket" else "blocks")
    rows = []
    for workers in given.workers:
        print_progress(f"workers: {workers}; starting")
        try:
            rows.append(measure(given, workers))
        except (ClusterError, WorkersDie, RuntimeError) as error:
            print_progress(f"workers: {workers}; {error}")
            rows.append(Row(workers, {}, fault=" ".join(str(error).split())[:300]))
        report(given, rows)
    sys.exit(any(row.fault for row in rows))


if __name__ == "__main__":
    run_command(main)
