"""Kills a counseling run at random steps, starts it again each time, and compares what it left with an unbroken run.

    python -m tests.kill_counseling --kills 10 --seed 1
    python -m tests.kill_counseling --kills 10 --sessions-per-client 2

Every kill is a SIGKILL while a step of a session is under way. Transcripts, faces and how the sessions ended must be
the same to the byte; only the times may differ.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from unittest.mock import patch

import yaml

from mirror.counseling.run import Counseling
from mirror.counseling.settings import CounselSettings
from mirror.paths import input_path
from mirror.transcripts.session_folder import SessionFolder
from tests import ROOT

SMALL = {"sessions": 4, "max_turns": 4, "attempts": 3, "concurrency": 2, "cot": "ec_planning", "run": "killed"}
STEPS = (("client", "speak"), ("painter", "paint"), ("verifier", "verify"), ("counselor", "reply"))


def counsel(changes: dict, tell: Callable[[str], None]) -> None:
    """A whole run in this process, or the rest of one; `tell` is called as each step of the cast or a write begins."""
    settings = CounselSettings.from_file(input_path("params/counsel/pocket-llava.yaml"), **(SMALL | changes))
    counseling = Counseling(settings).open()

    def told(name: str, step: Callable) -> Callable:
        def taken(*given, **named):
            tell(name)
            return step(*given, **named)

        return taken

    for role, name in STEPS:
        collaborator = getattr(counseling.cast, role)
        setattr(collaborator, name, told(name, getattr(collaborator, name)))
    with patch.object(SessionFolder, "append", told("append", SessionFolder.append)):
        counseling.counsel()


def finish(output: Path, changes: dict) -> int:
    """Runs to the end in this process; the number of steps."""
    steps: list[str] = []
    with patch.dict(os.environ, {"MIRROR_OUTPUT": str(output)}):
        counsel(changes, steps.append)
    return len(steps)


def kill(output: Path, changes: dict, steps: int) -> bool:
    """Runs in a process of its own and sends SIGKILL as the step of this number begins; whether it came to that."""
    own = {"MIRROR_OUTPUT": str(output), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    outside = {name: value for name, value in os.environ.items() if not name.startswith("IMG_")}
    command = [sys.executable, "-m", "tests.kill_counseling", "--work", yaml.safe_dump(changes)]
    with subprocess.Popen(
        command, env=outside | own, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        begun = sum(1 for _ in zip(range(steps), process.stdout, strict=False))
        if begun == steps:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == (-signal.SIGKILL if begun == steps else 0), "the run failed"
    return begun == steps


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
    steps = finish(whole, changes)
    print(f"unbroken: {steps} steps, {turns_on_disk(whole)} turns, {len(sessions(whole))} files", flush=True)
    done = 0
    while done < kills:
        # A run that goes on has less left to do: the kills are spread over what is left at this one.
        left = steps * (1 - turns_on_disk(broken) / turns_on_disk(whole))
        step = 1 + int(random.uniform(0.05, 1) * left / (kills - done))
        if not kill(broken, changes, step):
            print(f"through before the kill after {done} kills; started over", flush=True)
            shutil.rmtree(broken / "results/killed")
            continue
        done += 1
        print(f"kill {done}: at step {step} after loading, {turns_on_disk(broken)} turns on disk", flush=True)
    finish(broken, changes)
    one, other = sessions(whole), sessions(broken)
    return [name for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.kill_counseling", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sessions-per-client", type=int, default=1)
    parser.add_argument("--work", type=yaml.safe_load, help=argparse.SUPPRESS)  # what is killed: the changed parameters
    given = parser.parse_args()
    if given.work is not None:
        return counsel(given.work, lambda step: print(step, flush=True))
    with tempfile.TemporaryDirectory() as folder:
        changes = {"sessions_per_client": given.sessions_per_client}
        differing = compare(Path(folder), given.kills, given.seed, **changes)
        count = len(sessions(Path(folder) / "broken"))
    if differing:
        sys.exit(f"{len(differing)} of {count} files differ: {', '.join(differing[:10])}")
    print(f"the same: {count} files, to the byte")


if __name__ == "__main__":
    main()
