"""Kills ranks of a training at random moments, starts it again each time, and compares it with an unbroken training.

    python -m tests.killed_ranks --kills 10 --seed 1

Every kill is a SIGKILL of rank 0 or of a follower. The other ranks must end by themselves, rank 0 with an error that
names the one that was killed, and nothing may be left running. The weights and losses at the end must be the same.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from safetensors.torch import load_file

from mirror.models.checkpoint import intermediates
from mirror.training.ranks import launch
from mirror.training.ranks.fitting import final_checkpoint
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from mirror.training.step import Stepper
from tests import ROOT
from tests.processes import wait_for_end
from tests.training_parameters import PARAMETERS

MINUTE = 60.0
SMALL = {
    "data": str(ROOT / "pocket/data/mirror_base.json"),
    "image_folder": str(ROOT / "pocket/data/images"),
    "max_length": 2048,
    "epochs": 2,
    "batch_size": 16,
    "save_steps": 3,
    "show": 1,
}


def work(values: dict) -> None:
    """A whole training, or the rest of one; prints the processes of the followers and the steps as they begin."""
    begun, take = launch.Followers.__init__, Stepper.step

    def start(self, *given):
        begun(self, *given)
        print("followers", *(process.pid for process in self.processes), flush=True)

    def step(self, batch, number, factor):
        print("step", number, flush=True)
        return take(self, batch, number, factor)

    launch.Followers.__init__, Stepper.step = start, step
    Training.open(TrainSettings.checked(values, "killed ranks:")).fit()


def start_work(output: Path, values: dict) -> subprocess.Popen:
    environment = os.environ | {"MIRROR_OUTPUT": str(output), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "tests.killed_ranks", "--work", json.dumps(values)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, env=environment, cwd=ROOT, **pipes)


def kill(output: Path, values: dict, random: Random, steps: int) -> str:
    """Trains, and kills one rank at a random moment; what was killed and when. Empty if the training ended before."""
    rank = random.randrange(values["gpus"])
    at_step, delay = random.randrange(steps), random.random() / 5
    with start_work(output, values) as process:
        followers, begun = [], 0
        for line in process.stdout:
            kind, *numbers = line.split()
            followers = [int(number) for number in numbers] if kind == "followers" else followers
            begun += kind == "step"
            if begun > at_step:
                break
        else:
            assert process.wait() == 0, process.stderr.read()
            return ""
        time.sleep(delay)
        os.kill([process.pid, *followers][rank], signal.SIGKILL)
        killed = time.monotonic()
        _, errors = process.communicate(timeout=MINUTE)
    if process.returncode == 0:
        return ""  # it had just ended
    if rank:
        assert f"RankFailed: rank {rank} on " in errors and "ended by SIGKILL" in errors, errors
    wait_for_end(followers, killed + MINUTE)
    ended = f"all had ended {time.monotonic() - killed:.1f} s later"
    return f"rank {rank} in step {line.split()[1]} after {delay:.2f} s; {ended}"


def finish(output: Path, values: dict) -> None:
    with start_work(output, values) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors


def weights(output: Path, values: dict) -> dict:
    os.environ["MIRROR_OUTPUT"] = str(output)
    folder = final_checkpoint(TrainSettings.checked(values, "killed ranks:"))
    return load_file(folder / "adapter_model.safetensors") | load_file(folder / "projector.safetensors")


def steps_saved(output: Path, values: dict) -> int:
    os.environ["MIRROR_OUTPUT"] = str(output)
    found = intermediates(final_checkpoint(TrainSettings.checked(values, "killed ranks:")))
    return int(found[-1].name.partition("-")[2]) if found else 0


def compare(folder: Path, kills: int, seed: int, **changes) -> list[str]:
    """What differs after so many kills from an unbroken training; a line is printed for each kill."""
    random, values = Random(seed), PARAMETERS | SMALL | {"gpus": 2, "keep": 1} | changes
    whole, broken = folder / "whole", folder / "broken"
    finish(whole, values)
    losses = [(output / "results/tiny/losses.csv") for output in (whole, broken)]
    steps, done = losses[0].read_text().count("\n") - 2, 0
    print(f"unbroken: {steps} steps", flush=True)
    while done < kills:
        # A training that goes on has less left to do: the kills are spread over what is left at this one.
        left = steps - steps_saved(broken, values)
        if killed := kill(broken, values, random, max(1, 3 * left // (kills - done + 2))):
            done += 1
            print(f"kill {done}: {killed}; saved up to step {steps_saved(broken, values)}", flush=True)
        else:
            print(f"through before the kill after {done} kills; started over", flush=True)
            shutil.rmtree(broken)
    finish(broken, values)
    one, other = weights(whole, values), weights(broken, values)
    differing = [name for name in one if not one[name].equal(other[name])]
    return differing + ["losses.csv"] * (losses[0].read_text() != losses[1].read_text())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.killed_ranks", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=json.loads, help=argparse.SUPPRESS)  # what is killed: the parameters
    given = parser.parse_args()
    if given.work is not None:
        return work(given.work)
    with tempfile.TemporaryDirectory() as folder:
        differing = compare(Path(folder), given.kills, given.seed, gpus=given.ranks)
    if differing:
        sys.exit(f"different: {', '.join(differing[:10])}")
    print("the same weights and losses, to the bit")


if __name__ == "__main__":
    main()
