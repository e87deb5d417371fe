"""Worker processes of a service: one port, one GPU each; a worker that dies is replaced.

Starting, watching and stopping them is uvicorn's supervisor; what a worker loads and serves is `api.serving`'s.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from multiprocessing import parent_process
from pathlib import Path

import uvicorn
from filelock import FileLock, Timeout
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

SILENCE = 30  # seconds after which a worker that says nothing counts as dead: loading may hold it up for some
VISIBLE = "CUDA_VISIBLE_DEVICES"
held: list[FileLock] = []  # by this process, until it ends


@contextlib.contextmanager
def places() -> Iterator[Path]:
    """A folder in which each worker takes a number."""
    with tempfile.TemporaryDirectory(prefix="mirror-workers-") as folder:
        yield Path(folder)


def supervise(config: uvicorn.Config, listener: socket.socket) -> int:
    """Runs `config.workers` processes that serve `config.app`, until told to stop.

    SIGINT and SIGTERM end all of them, after the requests in progress.

    Args:
        config: its app is a factory that can be pickled.
        listener: bound; every worker accepts connections from it.

    Returns:
        The exit status: 0, or 1 if a worker could not start.
    """
    config.timeout_worker_healthcheck = SILENCE
    supervisor = Multiprocess(config, [listener])
    supervisor.run()
    return int(any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes))


def join(folder: Path, workers: int) -> int:
    """Makes this process a worker: it takes a number and a GPU, and ends when its supervisor does.

    A number is free again when the process that took it ends, however it ends.

    Args:
        folder: as of `places`.
        workers: the number of workers.

    Returns:
        The number of this worker, from 0.

    Raises:
        RuntimeError: all numbers are taken.
    """
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    number = _take_number(folder, workers)
    if gpus := visible_gpus():
        os.environ[VISIBLE] = gpus[number % len(gpus)]
    return number


def _take_number(folder: Path, workers: int) -> int:
    for number in range(workers):
        lock = FileLock(folder / str(number))
        with contextlib.suppress(Timeout):
            lock.acquire(blocking=False)
            held.append(lock)
            return number
    raise RuntimeError(f"all {workers} workers are running already")


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as $CUDA_VISIBLE_DEVICES names them. Initializes no CUDA."""
    if (given := os.environ.get(VISIBLE)) is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    if not shutil.which("nvidia-smi"):
        return []
    done = subprocess.run(["nvidia-smi", "--list-gpus"], capture_output=True, text=True)
    return [str(number) for number, line in enumerate(done.stdout.splitlines()) if line.startswith("GPU ")]


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within the block, which loads models, SIGINT and SIGTERM end this process at once: nothing is in progress yet."""
    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _end_with_supervisor() -> None:
    """Ends this worker once its supervisor is gone, killed for example: nothing else would, and it keeps the port."""
    if supervisor := parent_process():
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
