"""Starts the other ranks as processes of this machine, and ends them. This process, a notebook's kernel, is rank 0.

A follower reads what it needs from its standard input, and notices by the end of that pipe that rank 0 is gone.
"""

import json
import os
import platform
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]

from mirror.training.ranks import ALONE, Ranks
from mirror.training.ranks.group import ProcessGroup, second_connection
from mirror.training.ranks.watch import LAST_LINES, Failure, Watch, end_process

LOOPBACK = "127.0.0.1"
ENDING = 60.0  # seconds that followers have to end after the last step
STORE_TIMEOUT = timedelta(minutes=5)


@contextmanager
def start_ranks(count: int, device: str, module: str, message: Any) -> Iterator[Ranks]:
    """Start `count - 1` followers; all ranks end with the block.

    Args:
        count: of all ranks; 1 starts nothing.
        device: that rank 0 computes on, `cuda:0` or `cpu`; the followers take the next GPUs, or the CPU.
        module: run by each follower as `python -m`; it calls `follow`.
        message: of JSON types, handed to the followers.

    Yields:
        This process as rank 0, not yet connected.

    Raises:
        RankFailed: a follower failed, died, or is stuck. All others have been ended.
    """
    if count == 1:
        yield ALONE
        return
    with _on_loopback():
        store = _new_store()
        followers = Followers(count, torch.device(device).type, module, {"port": store.port, "message": message})
        try:
            watch = Watch(second_connection(store), 0, count, followers.failure)
            watch.start()
            group = ProcessGroup(store, 0, count, torch.device(device), watch)
            try:
                yield group
            except BaseException as error:
                watch.tell(error)
                followers.kill()  # a connection to one that is suspended would not close
                group.close(error)
                raise
            group.close()
            followers.wait()
        finally:
            followers.end()


def _new_store() -> TCPStore:
    """A store that only this machine reaches."""
    listener = socket.create_server((LOOPBACK, 0))
    port = listener.getsockname()[1]
    return TCPStore(
        LOOPBACK,
        port,
        is_master=True,
        wait_for_workers=False,
        timeout=STORE_TIMEOUT,
        master_listen_fd=listener.detach(),
    )


@contextmanager
def _on_loopback() -> Iterator[None]:
    """Within the block, gloo connects processes of this machine only; a name of the host need not be known."""
    name, before = "GLOO_SOCKET_IFNAME", os.environ.get("GLOO_SOCKET_IFNAME")
    interfaces = [interface for _, interface in socket.if_nameindex() if interface.startswith("lo")]
    if interfaces:
        os.environ[name] = interfaces[0]
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


class Followers:
    """The processes of the other ranks on this machine."""

    def __init__(self, count: int, device_type: str, module: str, message: dict[str, Any]) -> None:
        """Start ranks 1…count-1, in a session of their own, so that Ctrl-C reaches rank 0 alone."""
        self.processes: list[subprocess.Popen[bytes]] = []
        self.errors: list[IO[bytes]] = []  # standard output and error of each
        environment = _environment(count, device_type)
        for rank in range(1, count):
            device = "cpu" if device_type == "cpu" else f"{device_type}:{rank}"
            errors = tempfile.TemporaryFile()
            process = subprocess.Popen(
                [sys.executable, "-m", module],
                stdin=subprocess.PIPE,
                stdout=errors,
                stderr=errors,
                env=environment,
                start_new_session=True,
            )
            self.processes.append(process)
            self.errors.append(errors)
            line = json.dumps(message | {"rank": rank, "ranks": count, "device": device})
            assert process.stdin
            with suppress(BrokenPipeError):  # it has ended already, as `failure` tells
                process.stdin.write(f"{line}\n".encode())
                process.stdin.flush()

    def failure(self) -> Failure | None:
        """The first follower whose process ended with an error that it did not tell."""
        for rank, process in enumerate(self.processes, 1):
            if process.poll():
                return Failure(rank, platform.node(), self._how_it_ended(rank, process))
        return None

    def wait(self) -> None:
        """Wait until all followers have ended by themselves."""
        for process in self.processes:
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                return  # `end` ends it

    def kill(self) -> None:
        """End all followers that still run."""
        for process in self.processes:
            process.kill()

    def end(self) -> None:
        """End all followers that still run, and close what is open for them."""
        self.kill()
        for process, errors in zip(self.processes, self.errors, strict=True):
            process.wait()
            assert process.stdin
            with suppress(BrokenPipeError):
                process.stdin.close()
            errors.close()

    def _how_it_ended(self, rank: int, process: subprocess.Popen[bytes]) -> str:
        status = process.returncode
        how = f"exit status {status}"
        if status < 0:
            how = signal.Signals(-status).name + " (out of the machine's memory?)" * (status == -signal.SIGKILL)
        lines = os.pread(self.errors[rank - 1].fileno(), 1 << 20, 0).decode(errors="replace").splitlines()
        return "\n".join([f"died: its process {process.pid} ended by {how}", *lines[-LAST_LINES:]])


def _environment(count: int, device_type: str) -> dict[str, str]:
    """The followers' environment: this repository's modules, no progress bars, and their share of the CPU's cores."""
    paths = [str(Path(__file__).parents[3]), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"PYTHONPATH": os.pathsep.join(paths), "TQDM_DISABLE": "1", "PYTHONUNBUFFERED": "1"}
    if device_type == "cpu":
        own["OMP_NUM_THREADS"] = str(max(1, torch.get_num_threads() // count))
    return os.environ | own


def follow(work: Callable[[Ranks, str, Any], None]) -> None:
    """Be a follower that `start_ranks` started: the main program of its module.

    Args:
        work: called with this rank, its device and the message of `start_ranks`.
    """
    given = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_rank_0, name="end with rank 0", daemon=True).start()
    store = TCPStore(LOOPBACK, given["port"], timeout=STORE_TIMEOUT)
    watch = Watch(second_connection(store), given["rank"], given["ranks"], on_failure=end_process)
    watch.start()
    if given["device"] != "cpu":
        torch.cuda.set_device(given["device"])
    group = ProcessGroup(store, given["rank"], given["ranks"], torch.device(given["device"]), watch)
    try:
        work(group, given["device"], given["message"])
    except BaseException as error:
        group.close(error)
        raise
    group.close()


def _end_with_rank_0() -> None:
    sys.stdin.buffer.read()  # until rank 0 has ended, however it did
    os._exit(1)
