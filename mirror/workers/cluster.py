"""The machines that workers run on: this one alone, or a Ray cluster that is up. Starts no worker."""

import logging
import os
import secrets
import socket
from typing import Self

import ray
from ray.exceptions import RayError

from mirror.workers.patience import patient

log = logging.getLogger(__name__)

STARTS = 3  # attempts
CONNECT_SECONDS = 10
# No telemetry; and a worker without a GPU of its own is not kept from seeing those of the machine.
ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
OBJECT_STORE = 1_000_000_000  # bytes of shared memory, for the pictures of turns on their way


class ClusterError(RuntimeError):
    """There is no such cluster, or it is too small; the message says what to do."""


class Cluster:
    """Ray in this process: started on this machine, or connected to.

    Ray on this machine sends no telemetry, shows no dashboard, kills no worker for the memory that others use, and
    answers only to a token that is drawn for it. If Ray runs in this process already, it is used and stays.
    """

    def __init__(self, address: str = "", gpus: int | None = None) -> None:
        """Starts Ray, which takes some seconds, or connects.

        Args:
            address: `host:port` of a cluster's head, or `auto` for the cluster that this machine belongs to; empty:
                this machine alone.
            gpus: of this machine; None: as many as it has. A test may pretend to have some.

        Raises:
            ClusterError: no cluster answers there.
        """
        self.is_ours = not ray.is_initialized()
        if self.is_ours:
            os.environ.update(ENVIRONMENT)
            _connect(address) if address else _start(gpus)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def gpus(self) -> int:
        """The number of GPUs of all machines together."""
        return int(ray.cluster_resources().get("GPU", 0))

    def require_gpus(self, workers: int) -> None:
        """Checks that every worker can have a GPU.

        Raises:
            ClusterError: there are too few.
        """
        if self.gpus < workers:
            raise ClusterError(
                f"workers is {workers}, and there {'is' if self.gpus == 1 else 'are'} {self.gpus} "
                f"GPU{'s' * (self.gpus != 1)}, one per worker; lower workers, or name a larger cluster (ray_address)"
            )

    def close(self) -> None:
        """Ends Ray on this machine with all its workers, or leaves the cluster."""
        if self.is_ours and ray.is_initialized():
            ray.shutdown()


def _start(gpus: int | None) -> None:
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # else Ray writes one to the home folder
    os.environ.setdefault("RAY_memory_monitor_refresh_ms", "0")  # short memory is left to the operating system
    os.environ.setdefault("RAY_agent_register_timeout_ms", "600000")  # else 30 s, which a busy machine exceeds
    for attempt in range(1, STARTS + 1):
        try:
            with patient():
                ray.init(
                    "local",
                    num_cpus=0,  # workers ask for none: Ray would otherwise start an idle process for each
                    num_gpus=gpus,
                    include_dashboard=False,
                    object_store_memory=OBJECT_STORE,
                    logging_level=logging.ERROR,
                    log_to_driver=False,
                )
            return
        except Exception as error:  # Ray raises just this where its parts do not answer within some 30 s
            ray.shutdown()
            if attempt == STARTS:
                raise ClusterError(
                    f"Ray did not start on this machine in {STARTS} attempts ({error}); /tmp/ray/session_latest/logs "
                    "says why. If the machine is busy, start it again later, or set workers to 1"
                ) from error
            log.warning("Ray did not start (attempt %d of %d): %s", attempt, STARTS, error)


def _connect(address: str) -> None:
    try:
        if address != "auto":
            host, _, port = address.rpartition(":")
            socket.create_connection((host, int(port)), CONNECT_SECONDS).close()  # Ray itself would ask for minutes
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
    except (OSError, RayError, RuntimeError, ValueError) as error:
        raise ClusterError(
            f"no Ray cluster answers at ray_address {address} ({str(error).strip().splitlines()[0]:.300}); start one "
            "with `ray start --head` and join the other machines with `ray start --address HOST:PORT`, with the same "
            "token (RAY_AUTH_TOKEN) everywhere, or leave ray_address empty to use this machine alone"
        ) from error
