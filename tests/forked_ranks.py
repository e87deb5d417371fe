"""Ranks in forked processes: the libraries are imported once, by the server that forks them."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from safetensors.torch import load_file
from torch.distributed import TCPStore

from mirror.training.ranks import follower, launch, watch
from mirror.training.ranks.group import ProcessGroup, second_connection
from mirror.training.run import Training
from mirror.training.settings import TrainSettings
from mirror.training.step import Stepper

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.forked_ranks"])


def run_ranks(count: int, work: Callable, *given: Any) -> list[Any]:
    """What `work(ranks, *given)` gives in each rank: its result, its exception, or None if it was killed."""
    with launch._on_loopback():
        store = launch._new_store()
        ends, processes = [], []
        for rank in range(count):
            here, there = FORKS.Pipe(duplex=False)
            process = FORKS.Process(target=_be, args=(there, store.port, rank, count, work, given))
            process.start()
            there.close()
            ends.append(here)
            processes.append(process)
        results = [_received(end) for end in ends]
        for process in processes:
            process.join()
    return results


def _received(end: Any) -> Any:
    with end:
        try:
            return end.recv()
        except EOFError:
            return None


def _be(end: Any, port: int, rank: int, count: int, work: Callable, given: tuple) -> None:
    torch.set_num_threads(1)
    with launch._on_loopback():
        store = TCPStore(launch.LOOPBACK, port)
        sight = watch.Watch(second_connection(store), rank, count)
        sight.start()
        ranks = ProcessGroup(store, rank, count, torch.device("cpu"), sight)
        try:
            result = work(ranks, *given)
        except Exception as error:
            ranks.close(error)
            result = error
        else:
            ranks.close()
    end.send(result)


def train(ranks: ProcessGroup, values: dict, output: str, dies_in_step: int | None = None) -> Any:
    """A whole training, or the rest of one; the provenance's entry `ranks`. Rank 1 may kill itself in a step."""
    os.environ["MIRROR_OUTPUT"] = output
    settings = TrainSettings.checked(values | {"gpus": ranks.count}, "forked ranks:")
    if dies_in_step is not None:
        _die(ranks, dies_in_step)
    if not ranks.is_first:
        return follower.train(ranks, settings)
    training = Training.open(settings)
    training.fit(lambda: nullcontext(ranks))
    return training.run.provenance["ranks"]


def _die(ranks: ProcessGroup, in_step: int) -> None:
    if ranks.is_first:
        watch.LOST, watch.INTERVAL = 4.0, 0.1  # no need to wait longer: the other really is dead
        return
    take = Stepper._gradients

    def step(self, batch, number, tokens):
        if number == in_step:
            os.kill(os.getpid(), signal.SIGKILL)
        return take(self, batch, number, tokens)

    Stepper._gradients = step


def weights(output: Any, values: dict) -> dict[str, torch.Tensor]:
    """The trained weights of a training."""
    name = f"llava-v1.5-pocket-mirror_base-task-lora-epoch{values['epochs']}"
    folder = output / values["checkpoint_folder"] / name
    return load_file(folder / "adapter_model.safetensors") | load_file(folder / "projector.safetensors")


def distance(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    """The greatest difference of a weight."""
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)
