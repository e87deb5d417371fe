"""Kills a counseling run at random moments, starts it again each time, and compares what it left with an unbroken run.

    python -m tests.kill_counseling --kills 10 --seed 1

Every kill is a SIGKILL while sessions are under way. Transcripts, faces and how the sessions ended must be the same to
the byte; only the times may differ.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests import ROOT

WORK = """
import sys, yaml
from mirror.counseling.run import Counseling
from mirror.counseling.settings import CounselSettings
from mirror.paths import input_path
changes = yaml.safe_load(sys.argv[1])
counseling = Counseling(CounselSettings.from_file(input_path("params/counsel/pocket-llava.yaml"), **changes)).open()
print("loaded", flush=True)
counseling.counsel()
"""
SMALL = {"sessions": 4, "max_turns": 4, "attempts": 3, "concurrency": 2, "cot": "ec_planning", "run": "killed"}


def start(output: Path, changes: dict) -> subprocess.Popen:
    """A run in a process of its own, up to the moment when its models are loaded."""
    own = {"MIRROR_OUTPUT": str(output), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    outside = {name: value for name, value in os.environ.items() if not name.startswith("IMG_")}
    process = subprocess.Popen(
        [sys.executable, "-c", WORK, str(SMALL | changes)],
        env=outside | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout.readline() == "loaded\n", "the run did not load its models"
    return process


def finish(process: subprocess.Popen) -> float:
    """Seconds until the run has ended well."""
    begun = time.monotonic()
    with process:
        assert process.wait(600) == 0, "the run failed"
    return time.monotonic() - begun


def kill(process: subprocess.Popen, moment: float) -> bool:
    """SIGKILL after `moment` seconds; whether the run was still at work then."""
    with process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return True
    return False


def sessions(output: Path) -> dict[str, bytes]:
    """Every file of the sessions by name, but for the times."""
    folder = output / "results/killed/sessions"
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "timings.jsonl")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def turns_on_disk(output: Path) -> int:
    return sum(content.count(b"\n") for name, content in sessions(output).items() if name.endswith("turns.jsonl"))


def compare(folder: Path, kills: int, seed: int, **changes) -> list[str]:
    """What differs after so many kills from an unbroken run; a line is printed for each kill."""
    random = Random(seed)
    whole, broken = folder / "whole", folder / "broken"
    taken = finish(start(whole, changes))
    print(f"unbroken: {taken:.1f} s, {turns_on_disk(whole)} turns, {len(sessions(whole))} files", flush=True)
    done = 0
    while done < kills:
        # A run that goes on has less left to do: the moments are spread over what is left at this kill.
        left = taken * (1 - turns_on_disk(broken) / turns_on_disk(whole))
        moment = random.uniform(0.05, 1) * left / (kills - done) * 1.5
        if not kill(start(broken, changes), moment):
            print(f"through before the kill after {done} kills; started over", flush=True)
            for path in sorted((broken / "results/killed").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            continue
        done += 1
        print(f"kill {done}: {moment:.2f} s after loading, {turns_on_disk(broken)} turns on disk", flush=True)
    finish(start(broken, changes))
    one, other = sessions(whole), sessions(broken)
    return [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kill_counseling", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        differing = compare(Path(folder), given.kills, given.seed)
        count = len(sessions(Path(folder) / "broken"))
    if differing:
        sys.exit(f"{len(differing)} of {count} files differ: {', '.join(differing[:10])}")
    print(f"the same: {count} files, to the byte")


if __name__ == "__main__":
    main()
