"""Kills the workers and the driver of a build of the pocket size, and compares what it left with an unbroken build.

    python -m tests.killed_builders --workers 2 --kills 5 --driver-kills 2 --seed 1

Every kill is a SIGKILL while pictures are painted; a driver that was killed is started again. One driver gets a
Ctrl-C and is started again. Journals, pictures and the set must be those of one process to the byte, no description is
paid for again once it is on disk, and no worker outlives its driver.
"""

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from random import Random

from mirror.building.run import Building
from mirror.building.settings import BuildSettings
from mirror.chat.parameters import fold_seed
from mirror.seeds import seed_for
from tests import ROOT
from tests.killed_builds import answer
from tests.killed_workers import end_driver, finish, kill_one_at_work, prove, shuffled_ends, start
from tests.openai_server import OpenAIServer, Request, Text
from tests.painted_dialogues import files as files_of

SEED = 42
SMALL = {"dialogues": 8, "attempts": 2, "on_exhaustion": "keep_best", "paint_batch": 2, "concurrency": 2}
SMALL |= {"describer": "openai", "describer_model": "d", "device": "cpu", "run": "killed", "seed": SEED}
APART = 2  # pictures between two kills
FOLDERS = ("pictures", "set")


class Vendor:
    """Describes faces; `paid_twice` has the seeds of requests that came again after their answer was on disk."""

    def __init__(self, output: Path) -> None:
        self.folder = output / "results/killed/pictures"
        self.asked: Counter[int] = Counter()
        self.paid_twice: list[str] = []
        self.lock = threading.Lock()

    def __call__(self, request: Request) -> Text:
        seed = request.body["seed"]
        with self.lock:
            if self.asked[seed] and seed in self.on_disk():
                self.paid_twice.append(request.words[-80:])
            self.asked[seed] += 1
        return answer(request)

    def on_disk(self) -> set[int]:
        """The seeds of the requests whose answers are on disk; a line that is being written does not count."""
        return {
            fold_seed(seed_for(SEED, "description", path.parent.name, json.loads(line)["line"]))
            for path in self.folder.glob("*/descriptions.jsonl")
            for line in path.read_bytes().split(b"\n")[:-1]
        }


def work(changes: dict) -> None:
    """A whole build in this process and its workers, or the rest of one."""
    building = Building(BuildSettings.from_file(ROOT / "params/build/pocket.yaml", **SMALL | changes)).open()
    building.texts(), building.portraits(), building.pictures(), building.write()
    assert changes.get("workers", 1) > 1 or "ray" not in sys.modules


def painted(output: Path) -> int:
    """The number of pictures on disk."""
    return sum(path.read_bytes().count(b"\n") for path in (output / "results/killed/pictures").glob("*/pictures.jsonl"))


def wait_for(output: Path, pictures: int, process: subprocess.Popen) -> bool:
    """Whether there were so many pictures before the process ended."""
    while (count := painted(output)) < pictures and process.poll() is None:
        time.sleep(0.1)
    return count >= pictures


def break_off(output: Path, changes: dict, ends: list[str], random: Random) -> None:
    """Builds to the end, with a kill after every few pictures: of a worker, of the driver, or a Ctrl-C."""
    process = start(output, changes, __spec__.name)
    for number, end in enumerate(ends, 1):
        if not wait_for(output, painted(output) + APART, process):
            finish(process, output)
            sys.exit(f"the build ended before kill {number}; give it more dialogues")
        if end == "worker":
            kill_one_at_work(process.pid, random)
        else:
            end_driver(process, signal.SIGKILL if end == "driver" else signal.SIGINT)
            process = start(output, changes, __spec__.name)
        print(f"{number}: {end}; {painted(output)} pictures on disk", flush=True)
    finish(process, output)


def compare(folder: Path, workers: int, kills: int, driver_kills: int, seed: int, **changes) -> list[str]:
    """What differs after so many kills from an unbroken build in one process, and what was paid twice."""
    whole, broken, random = folder / "whole", folder / "broken", Random(seed)
    for output in (whole, broken):
        with OpenAIServer(default=(vendor := Vendor(output))) as server:
            changes |= {"describer_url": server.url}
            if output == whole:
                finish(start(whole, changes, __spec__.name), whole)
                once = vendor.asked.total()
                print(f"unbroken: {painted(whole)} pictures, {once} descriptions", flush=True)
            else:
                ends = shuffled_ends(kills, driver_kills, random)
                break_off(broken, changes | {"workers": workers}, ends, random)
                print(f"broken, {workers} workers: {vendor.asked.total()} descriptions", flush=True)
    one, other = files(whole), files(broken)
    faults = [f"{name} differs" for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
    return faults + [f"the description of {words} was paid twice, and was on disk" for words in vendor.paid_twice]


def files(output: Path) -> dict[str, bytes]:
    run = output / "results/killed"
    return {f"{name}/{file}": content for name in FOLDERS for file, content in files_of(run / name).items()}


if __name__ == "__main__":
    prove(sys.modules[__name__], 5, 2, "dialogues", "no description was paid twice")
