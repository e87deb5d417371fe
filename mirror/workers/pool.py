"""A pool of workers: processes that each hold an object and answer one call at a time. Knows nothing of the work."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from mirror.workers.cluster import Cluster


@dataclass(frozen=True)
class Answer:
    """What a call returned.

    Attributes:
        worker: its number, from 0.
        value: of the method.
    """

    worker: int
    value: Any


@dataclass(frozen=True)
class Death:
    """A call without an answer: the worker's process has ended, or its method raised an error.

    Attributes:
        worker: its number, from 0.
        reason: why the process ended, or the traceback.
        error: what the method raised; None if the process ended.
    """

    worker: int
    reason: str
    error: Exception | None = None


class Pool:
    """Workers by number; each has at most one call under way. They end with this process, however it ends."""

    def __init__(
        self,
        cluster: Cluster,
        make: Callable[..., object],
        arguments: Sequence[Any],
        workers: int,
        gpus: int = 0,
        threads: int = 1,
    ) -> None:
        """Starts the workers, and returns before they are up.

        Args:
            cluster: where they run.
            make: the class of the object that each holds; its modules must be installed on every machine.
            arguments: of the class.
            workers: their number.
            gpus: that each has for itself, as the only ones it sees.
            threads: of each, for the libraries that compute on a CPU. Ray would set 1, and other numbers of threads
                round otherwise.

        Raises:
            ClusterError: there are fewer GPUs than that.
        """
        if gpus:
            cluster.require_gpus(workers)
        environment = {
            "env_vars": {"OMP_NUM_THREADS": str(threads)},
            "worker_process_setup_hook": "mirror.workers.watch.end_with_parent",
        }
        self._make = ray.remote(make).options(num_gpus=gpus, num_cpus=0, max_restarts=0, runtime_env=environment)
        self._arguments = arguments
        self._actors = [self._make.remote(*arguments) for _ in range(workers)]
        self._calls: dict[Any, int] = {}  # under way, with their workers

    def __len__(self) -> int:
        return len(self._actors)

    @property
    def under_way(self) -> int:
        """The number of calls that `next` has not returned yet."""
        return len(self._calls)

    def is_free(self, worker: int) -> bool:
        """Whether a worker has no call under way."""
        return worker not in self._calls.values()

    def call(self, worker: int, method: str, *arguments: Any) -> None:
        """Begins a call of a method; `next` returns its answer.

        Raises:
            RuntimeError: the worker has a call under way.
        """
        if not self.is_free(worker):
            raise RuntimeError(f"worker {worker} has a call under way; wait for its answer first")
        self._calls[getattr(self._actors[worker], method).remote(*arguments)] = worker

    def next(self) -> Answer | Death:
        """Waits for any call to end.

        Raises:
            RuntimeError: none is under way.
        """
        if not self._calls:
            raise RuntimeError("no call is under way")
        (done,), _ = ray.wait(list(self._calls), num_returns=1)
        worker = self._calls.pop(done)
        try:
            return Answer(worker, ray.get(done))
        except RayTaskError as error:
            cause = error.cause if isinstance(error.cause, Exception) else error
            return Death(worker, _plain(error), cause)
        except RayError as error:
            return Death(worker, _plain(error))

    def replace(self, worker: int) -> None:
        """Ends a worker, dead or alive, and starts another one in its place; a call under way has no answer."""
        ray.kill(self._actors[worker])
        self._calls = {call: of for call, of in self._calls.items() if of != worker}
        self._actors[worker] = self._make.remote(*self._arguments)

    def close(self) -> None:
        """Ends all workers at once."""
        for actor in self._actors:
            ray.kill(actor)
        self._actors, self._calls = [], {}


def _plain(error: Exception) -> str:
    """The message of an error without the colors of a terminal."""
    return re.sub(r"\x1b\[\d*m", "", str(error)).strip()
