"""Ranks in several processes, connected by torch.distributed: NCCL between GPUs, gloo between CPUs."""

import os
import platform
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]

from mirror.models.device import device_name
from mirror.training.ranks import Ranks
from mirror.training.ranks.waits import RankTime, Waits
from mirror.training.ranks.watch import LOST, Watch

T = TypeVar("T")

# Seconds that ranks wait for one that lives: compiling, or writing a checkpoint, keeps them for minutes at most. Ranks
# that died are noticed by the watch.
PATIENCE = 600.0
LOADING = 7200.0  # seconds that they wait for one to load its data and model, perhaps over a slow network
NEVER = timedelta(days=7)  # limit of PyTorch itself, which would also count the time that a job is suspended
LEAVING = 10.0  # seconds for an exchange to end after an error
POLL = 0.5  # seconds; a result is noticed at once


class Dismissed(Exception):
    """There is nothing to train, so this rank is not needed."""


class ProcessGroup(Ranks):
    """This process as one of several ranks. Exchanges can be interrupted, and end when another rank fails.

    Attributes:
        patience: seconds that this rank waits in an exchange for one that lives.
    """

    def __init__(self, store: Store, number: int, count: int, device: torch.device, watch: Watch) -> None:
        """Take what the ranks share; `connect` connects them.

        Args:
            store: of all ranks.
            number: of this rank.
            count: of all ranks.
            device: that this rank computes on.
            watch: of this rank, already started.
        """
        self.store, self.number, self.count, self.device, self.watch = store, number, count, device, watch
        self.patience = PATIENCE
        self._is_connected = self._has_worked = False
        self._exchange: threading.Thread | None = None  # the newest
        self.forget_times()

    # Connecting -------------------------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Wait until every rank has loaded its model and data, then connect all.

        Raises:
            RankFailed: a rank failed before.
            Dismissed: rank 0 has nothing to train.
        """
        name = device_name(self.device)
        self.store.set(f"ready/{self.number}", f"{platform.node()}\n{name}")
        everyone = [f"ready/{rank}" for rank in range(self.count)]
        self.watch.exchanges += 1
        polls = 0
        while not self.store.check(everyone):
            self.watch.wait_for_failure(POLL / 5)
            if self.store.check(["dismissed"]):
                raise Dismissed
            polls += 1
            if polls * POLL / 5 > LOADING:
                self.watch.give_up(LOADING)
        self._call(self._connect)
        self.forget_times()

    def _connect(self) -> None:
        # By itself, PyTorch ends the whole process, a notebook's kernel too, when NCCL loses another rank.
        os.environ["TORCH_NCCL_ASYNC_ERROR_HANDLING"] = "0"
        backend = "cpu:gloo,cuda:nccl" if self.device.type == "cuda" else "gloo"
        store = PrefixStore("group", self.store)
        dist.init_process_group(backend, store=store, rank=self.number, world_size=self.count, timeout=NEVER)
        self._is_connected = True
        dist.all_reduce(torch.zeros(1, device=self.device))  # connects the GPUs, too

    def close(self, error: BaseException | None = None) -> None:
        """Disconnect.

        Args:
            error: is told to the others, and exchanges that are under way are left. Without one, the ranks that wait in
                `connect` are dismissed if rank 0 never connected.
        """
        if error:
            self.watch.tell(error)
        else:
            self.watch.stop()
            if self.is_first and not self._is_connected:
                self.store.set("dismissed", "1")
        if self._is_connected and error:
            dist.distributed_c10d._abort_process_group()
            if self._exchange:  # one that is still under way when Python ends would abort the whole process
                self._exchange.join(LEAVING)
        elif self._is_connected:
            dist.destroy_process_group()
        self._is_connected = False

    # Exchanges --------------------------------------------------------------------------------------------------------

    def gather(self, *values: float) -> list[tuple[float, ...]]:
        """The values of every rank, in the order of the ranks; measures how long they were waited for."""
        began = self._now()
        own = torch.tensor(values, dtype=torch.float64)
        rows = [torch.empty_like(own) for _ in range(self.count)]
        self._call(lambda: dist.all_gather(rows, own))
        if self._has_worked:
            self.waiting += self._now() - began
            self._has_worked = False
        return [tuple(row.tolist()) for row in rows]

    def add(self, tensor: torch.Tensor) -> None:
        """Replace `tensor` by its sum over all ranks, the same to the bit on all."""
        began = self._now()
        self._call(lambda: dist.all_reduce(tensor))
        self.adding += self._now() - began

    def spread(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace the tensors by those of rank 0."""

        def broadcast() -> None:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

        self._call(broadcast)

    def spread_json(self, value: Any) -> Any:
        """The value that rank 0 gave, of JSON types."""
        values = [value]
        self._call(lambda: dist.broadcast_object_list(values, src=0, device=torch.device("cpu")))
        return values[0]

    def _call(self, exchange: Callable[[], T]) -> T:
        """Run an exchange in a thread and wait for it, so that Ctrl-C and the failure of a rank end the waiting."""
        result: Future[T] = Future()

        def run() -> None:
            try:
                if self.device.type == "cuda":
                    torch.cuda.set_device(self.device)
                value = exchange()
                if self.device.type == "cuda":
                    torch.cuda.synchronize(self.device)
                result.set_result(value)
            except BaseException as error:
                result.set_exception(error)

        self.watch.exchanges += 1
        self._exchange = threading.Thread(target=run, name="exchange between ranks", daemon=True)
        self._exchange.start()
        polls = 0  # counted, because a job that is suspended does not wait
        while not result.done():
            self.watch.check()
            with suppress(TimeoutError):
                result.exception(timeout=POLL)
            polls += 1
            if polls * POLL > self.patience and not result.done():
                self.watch.give_up(self.patience)
        if isinstance(result.exception(), RuntimeError):  # a connection that broke says nothing of its reason
            self.watch.wait_for_failure(LOST + 10)
        return result.result()

    # Times ------------------------------------------------------------------------------------------------------------

    @contextmanager
    def working(self) -> Iterator[None]:
        """Measure the block as this rank's own work; the next `gather` then waits for slower ranks."""
        began = self._now()
        try:
            yield
        finally:
            self.work += self._now() - began
            self._has_worked = True

    def forget_times(self) -> None:
        """Measure anew."""
        self.began, self.work, self.waiting, self.adding = time.monotonic(), 0.0, 0.0, 0.0
        self._has_worked = False

    def waits(self) -> Waits:
        """How the ranks' time was spent since the last call of `forget_times`."""
        rows = self.gather(time.monotonic() - self.began, self.work, self.waiting, self.adding)
        members = [self.store.get(f"ready/{rank}").decode().split("\n") for rank in range(self.count)]
        times = [
            RankTime(rank, host, device, *row)
            for rank, ((host, device), row) in enumerate(zip(members, rows, strict=True))
        ]
        return Waits(tuple(times))

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.monotonic()


def second_connection(store: Any) -> Store:
    """Another connection to the same store: one is blocked while a thread waits by it."""
    clone: Store = store.clone()
    return clone
