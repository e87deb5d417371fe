"""Ranks that torchrun started, on one machine or several."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch.distributed import rendezvous  # type: ignore[attr-defined]

from mirror.models.device import resolve_device
from mirror.settings.errors import SettingsError
from mirror.training.ranks.group import Dismissed, ProcessGroup, second_connection
from mirror.training.ranks.watch import Failure, Watch, end_process


def is_torchrun() -> bool:
    """Whether torchrun started this process; variables such as WORLD_SIZE alone may be of another program."""
    return dist.is_torchelastic_launched()


@contextmanager
def torchrun_ranks(device: str) -> Iterator[ProcessGroup]:
    """Be the rank that torchrun made this process.

    Args:
        device: `auto`, `cpu` or `cuda`; every process of a machine takes the next of its GPUs.

    Yields:
        This rank, not yet connected. If rank 0 leaves the block without connecting, the others end.

    Raises:
        SettingsError: there are more processes than GPUs on this machine.
        RankFailed: another rank failed or died.
    """
    store, rank, ranks = next(rendezvous("env://"))
    watch = Watch(second_connection(store), rank, ranks, on_failure=end_process if rank else _nothing)
    watch.start()
    local, on_machine = (int(os.environ[name]) for name in ("LOCAL_RANK", "LOCAL_WORLD_SIZE"))
    group = ProcessGroup(store, rank, ranks, torch.device("cpu"), watch)
    try:
        group.device = torch.device(rank_device(device, local, on_machine))
        if group.device.type == "cuda":
            torch.cuda.set_device(group.device)
        yield group
    except Dismissed:
        group.close()
    except BaseException as error:
        group.close(error)
        raise
    else:
        group.close()


def rank_device(device: str, local: int, on_machine: int) -> str:
    """The device of a process.

    Args:
        device: of the settings.
        local: number of the process on its machine, from 0.
        on_machine: number of processes there.

    Raises:
        SettingsError: there are more processes than GPUs, or `device` names one GPU.
    """
    if ":" in device:
        raise SettingsError(f"device {device} names one GPU; torchrun gives every process its own: use device auto")
    kind = resolve_device(device)
    if kind == "cpu":
        return kind
    if on_machine > (found := torch.cuda.device_count()):
        raise SettingsError(
            f"torchrun started {on_machine} processes on {platform.node()}, where PyTorch sees {found} GPUs; use "
            f"--nproc-per-node {found}"
        )
    return f"{kind}:{local}"


def _nothing(failure: Failure) -> None:
    """Rank 0 raises the failure where it waits."""
