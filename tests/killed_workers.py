"""Kills the workers and the driver of a counseling run, and compares what it left with an unbroken run of one worker.

    python -m tests.killed_workers --workers 2 --kills 10 --driver-kills 3 --seed 1

Every kill is a SIGKILL while sessions are under way; a driver that was killed is started again. One driver gets a
Ctrl-C and is started again. Transcripts, faces and how the sessions ended must be the same to the byte, no request is
paid for a turn that is on disk, and no worker outlives its driver.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from hashlib import sha256
from pathlib import Path
from random import Random

import psutil
import yaml

from mirror.counseling.run import Counseling
from tests import ROOT
from tests.loopback_counseling import loopback_settings
from tests.openai_server import OpenAIServer, Request, Text

SMALL = {"sessions": 8, "max_turns": 6, "concurrency": 2, "run": "killed"}
WORKERS = ("ray::SessionWorker", "ray::PictureWorker")  # titles of processes
AT_WORK = (".exchange", ".paint")
APART = 5  # requests between two kills, so that sessions get on
PATIENCE = 600  # seconds until a worker whose driver is gone counts as an orphan, or a run as stuck


class Vendor:
    """Answers by what it is asked alone; `paid_twice` has the requests for turns that were on disk already."""

    def __init__(self, sessions: Path) -> None:
        self.sessions = sessions
        self.asked: Counter[str] = Counter()
        self.paid_twice: list[str] = []
        self.lock, self.arrived = threading.Lock(), threading.Condition()

    def __call__(self, request: Request) -> Text:
        word = sha256(json.dumps([request.body["model"], request.body["messages"]]).encode()).hexdigest()[:12]
        with self.lock:
            if self.asked[word] and any(word in path.read_text() for path in self.sessions.glob("*/turns.jsonl")):
                self.paid_twice.append(word)
            self.asked[word] += 1
        with self.arrived:
            self.arrived.notify_all()
        return Text(f"Client: [nods] {word}." if request.body["model"] == "c" else f"{word}, you said.")

    @property
    def requests(self) -> int:
        return self.asked.total()

    def wait_for(self, requests: int, process: subprocess.Popen) -> bool:
        """Whether so many requests have come before the process ended."""
        with self.arrived:
            while self.requests < requests and process.poll() is None:
                self.arrived.wait(0.2)
        return self.requests >= requests


def work(changes: dict) -> None:
    """A whole run in this process and its workers, or the rest of one."""
    Counseling(loopback_settings(**changes)).counsel()
    assert changes.get("workers", 1) > 1 or "ray" not in sys.modules


def start(output: Path, changes: dict, module: str = "tests.killed_workers") -> subprocess.Popen:
    """A driver that does the work of a module."""
    own = {"MIRROR_OUTPUT": str(output), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OPENAI_API_KEY": "none"}
    outside = {name: value for name, value in os.environ.items() if not name.startswith("IMG_")}
    command = [sys.executable, "-m", module, "--work", yaml.safe_dump(changes)]
    with (output.parent / f"{output.name}.log").open("ab") as log:
        return subprocess.Popen(command, env=outside | own, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)


def workers_of(driver: int) -> list[psutil.Process]:
    """The workers of a process."""
    found = []
    for child in psutil.Process(driver).children(recursive=True):
        try:
            found += [child] if " ".join(child.cmdline()).startswith(WORKERS) else []
        except psutil.Error:
            pass  # it has just ended
    return found


def at_work(driver: int) -> list[psutil.Process]:
    """Its workers that take turns or paint: Ray titles each with what it does."""
    return [worker for worker in workers_of(driver) if any(work in " ".join(worker.cmdline()) for work in AT_WORK)]


def kill_one_at_work(driver: int, random: Random) -> None:
    """Waits for a worker that is at work, and kills it."""
    while not (victims := at_work(driver)):
        time.sleep(0.05)
    random.choice(victims).kill()


def end_driver(process: subprocess.Popen, how: signal.Signals) -> None:
    """Ends a driver, and waits until its workers are gone."""
    workers = workers_of(process.pid)
    process.send_signal(how)
    process.wait(PATIENCE)
    _, orphans = psutil.wait_procs(workers, PATIENCE)
    assert not orphans, f"workers that outlive their driver: {orphans}"


def finish(process: subprocess.Popen, output: Path) -> None:
    if process.wait(PATIENCE * 5):
        sys.exit(f"the run failed:\n{Path(f'{output}.log').read_text()[-5000:]}")


def break_off(output: Path, vendor: Vendor, changes: dict, ends: list[str], random: Random) -> None:
    """Runs to the end, with a kill after every few requests: of a worker, of the driver, or a Ctrl-C."""
    process = start(output, changes)
    for number, end in enumerate(ends, 1):
        if not vendor.wait_for(vendor.requests + APART, process):
            finish(process, output)
            sys.exit(f"the run ended before kill {number}; give it more sessions")
        if end == "worker":
            kill_one_at_work(process.pid, random)
        else:
            end_driver(process, signal.SIGKILL if end == "driver" else signal.SIGINT)
            process = start(output, changes)
        turns = sum(path.read_bytes().count(b"\n") for path in vendor.sessions.glob("*/turns.jsonl"))
        print(f"{number}: {end}; {vendor.requests} requests, {turns} turns on disk", flush=True)
    finish(process, output)


def shuffled_ends(kills: int, driver_kills: int, random: Random) -> list[str]:
    """What is ended, in order."""
    ends = ["worker"] * kills + ["driver"] * driver_kills + ["Ctrl-C"] * (driver_kills > 0)
    return random.sample(ends, len(ends))


def compare(folder: Path, workers: int, kills: int, driver_kills: int, seed: int, **changes) -> list[str]:
    """What differs after so many kills from an unbroken run of one worker, and what was paid twice."""
    whole, broken = folder / "whole", folder / "broken"
    random = Random(seed)
    ends, changes = shuffled_ends(kills, driver_kills, random), SMALL | changes
    with OpenAIServer(default=(vendor := Vendor(whole / "results/killed/sessions"))) as server:
        finish(start(whole, changes | {"url": server.url}), whole)
    once = vendor.requests
    print(f"unbroken, 1 worker: {once} requests, {len(files(whole))} files", flush=True)
    with OpenAIServer(default=(vendor := Vendor(broken / "results/killed/sessions"))) as server:
        break_off(broken, vendor, changes | {"url": server.url, "workers": workers}, ends, random)
    print(f"broken, {workers} workers: {vendor.requests} requests", flush=True)
    one, other = files(whole), files(broken)
    faults = [f"{name} differs" for name in sorted(one.keys() | other.keys()) if one.get(name) != other.get(name)]
    faults += [f"request {word} was paid twice, and its turn was on disk" for word in vendor.paid_twice]
    in_flight = 2 * changes["concurrency"] * (kills + workers * (len(ends) - kills))
    if vendor.requests - once > in_flight:
        faults.append(f"{vendor.requests - once} requests more, and {in_flight} at most were in flight")
    return faults


def files(output: Path) -> dict[str, bytes]:
    found = sorted(path for path in (output / "results/killed/sessions").rglob("*") if path.is_file())
    return {str(path.relative_to(output)): path.read_bytes() for path in found if path.name != "timings.jsonl"}


def prove(module, kills: int, driver_kills: int, size: str, kept: str) -> None:
    """The command line of a module that kills workers and drivers.

    Args:
        module: has a docstring, `SMALL`, `work`, `compare`, and `files` of an output folder.
        kills, driver_kills: where the command line names none.
        size: the parameter that says how much work there is.
        kept: what is said at the end besides that the files are the same.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module.__spec__.name}", description=module.__doc__)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=kills, help="of workers")
    parser.add_argument("--driver-kills", type=int, default=driver_kills)
    parser.add_argument(f"--{size}", type=int, default=module.SMALL[size])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=yaml.safe_load, help=argparse.SUPPRESS)  # what is killed: the parameters
    given = vars(parser.parse_args())
    if (changes := given.pop("work")) is not None:
        return module.work(changes)
    with tempfile.TemporaryDirectory() as folder:
        found = module.compare(Path(folder), **given)
        count = len(module.files(Path(folder) / "broken"))
    if found:
        sys.exit("\n".join(found[:20]))
    print(f"the same: {count} files, to the byte; {kept}")


if __name__ == "__main__":
    prove(sys.modules[__name__], 10, 3, "sessions", "no turn was paid twice")
