"""Workers that hold the same models: starts them, checks that they agree, and replaces those that die.

Knows nothing of what they work at. The process that has the crew alone writes, so that a worker that lives on after it,
or was believed dead, can spoil nothing; and workers need no disk that they share with it.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from mirror.run_folder import RunConflict
from mirror.workers.assignments import MOST_DEATHS, WorkersDie
from mirror.workers.cluster import Cluster
from mirror.workers.pool import Answer, Death, Pool
from mirror.workers.worker import Loaded, ModelWorker

log = logging.getLogger(__name__)

Facts = Mapping[str, Any]


class Crew:
    """Workers with their models loaded.

    Attributes:
        facts: of the models of each, by role.
        devices: the GPU's product name of each, or `cpu`, by worker.
        idle: the workers with models and without work.
    """

    def __init__(
        self,
        make: type[ModelWorker],
        arguments: Sequence[Any],
        workers: int,
        device: str,
        ray_address: str,
        changed: Callable[[Facts, Facts], Sequence[str]],
    ) -> None:
        """Starts the workers and loads their models.

        Args:
            make: the class of a worker; it has a method `load`, which returns a `Loaded`.
            arguments: of this class.
            workers: their number.
            device: of the settings; each has a GPU for itself unless this is `cpu`, or `auto` where there is none.
            ray_address: see `Cluster`.
            changed: names the models that differ between the facts of two workers.

        Raises:
            ClusterError: there is no such cluster, or it has too few GPUs.
            RunConflict: two workers have different models.
            WorkersDie: workers died while they loaded.
            Exception: what a worker raised while it loaded.
        """
        self.changed = changed
        self.facts: Facts = {}
        self.devices: dict[int, str] = {}
        self.idle: set[int] = set()
        self._warned: set[str] = set()
        self._lost: Counter[int] = Counter()  # deaths in a row while loading, by worker
        self.cluster = Cluster(ray_address)
        try:
            gpus = device != "cpu" and (device == "cuda" or self.cluster.gpus > 0)
            sharing = min(workers, torch.cuda.device_count()) if gpus else 1  # on a CPU, threads change how sums round
            threads = max(1, torch.get_num_threads() // max(1, sharing))
            self.pool = Pool(self.cluster, make, arguments, workers, int(gpus), threads)
            self._load_all()
        except BaseException:
            self.cluster.close()
            raise

    def close(self) -> None:
        """Ends all workers at once; what is under way is not taken."""
        self.pool.close()
        self.cluster.close()

    def _load_all(self) -> None:
        for worker in range(len(self.pool)):
            self.pool.call(worker, "load")
        while self.pool.under_way:
            match self.pool.next():
                case Answer(worker, value):
                    self.loaded(worker, value)
                case Death(_, _, error) if error is not None:
                    raise error
                case Death(worker, reason):
                    self.reload(worker, reason)

    def loaded(self, worker: int, loaded: Loaded) -> None:
        """Takes a worker in.

        Raises:
            RunConflict: it has other models than the first.
        """
        log.info("worker %d of %d: process %d on %s", worker + 1, len(self.pool), loaded.pid, loaded.host)
        self.devices[worker] = loaded.device
        self.facts = self.facts or loaded.facts
        if changed := self.changed(self.facts, loaded.facts):
            raise RunConflict(
                f"worker {worker + 1} on {loaded.host} has another {' and another '.join(changed)} than the others; "
                "every machine needs the same files: models, checkpoints, and the runs that faces are taken from"
            )
        self._lost[worker] = 0
        self.idle.add(worker)

    def reload(self, worker: int, reason: str) -> None:
        """Replaces a worker that died, or whose work raised an error.

        Raises:
            WorkersDie: it was the third in a row that died before its models were loaded.
        """
        self._lost[worker] += 1
        if self._lost[worker] > MOST_DEATHS:
            raise WorkersDie(f"{MOST_DEATHS} workers died one after another while they loaded; the last one:\n{reason}")
        log.warning("worker %d of %d is replaced: %s", worker + 1, len(self.pool), reason)
        self.idle.discard(worker)
        self.pool.replace(worker)
        self.pool.call(worker, "load")

    def warn(self, messages: Sequence[str]) -> None:
        """Logs what workers have logged as warnings, each once."""
        for message in messages:
            if message not in self._warned:
                log.warning("%s", message)
        self._warned |= {*messages}
