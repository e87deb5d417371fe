"""Locks a folder for one process, so that two processes never write the same run, checkpoint or ratings.

The lock is an OS lock on a hidden file beside the folder (`.<name>.lock`), so that it ends with its process, however
that ends. A second hidden file says who holds it. Where a file system does not pass OS locks on between hosts, the
holder's heartbeat tells whether it is alive. Knows nothing of what is in the folder.
"""

import contextlib
import logging
import os
import platform
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from mirror.files.json_file import read_json, write_json
from mirror.paths import display_path

log = logging.getLogger(__name__)

HEARTBEAT = 20.0  # seconds between two signs of life of a holder
STALE = 6 * HEARTBEAT  # seconds without one after which a holder on another host counts as gone
WAIT = "wait until it has ended, or give this run another name"


class FolderInUse(RuntimeError):
    """Another process works on the folder. The message says which, where, and since when. Nothing was changed."""


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock: its id, its host, the time (UTC) at which it took the lock, and what it does."""

    pid: int
    host: str
    since: str
    work: str

    @classmethod
    def here(cls, work: str) -> "Holder":
        return cls(os.getpid(), platform.node(), datetime.now(UTC).isoformat(timespec="seconds"), work)

    @classmethod
    def read(cls, path: Path) -> "Holder | None":
        """The holder that a file names; None where there is none, or where it was cut off by a crash."""
        try:
            return cls(**read_json(path))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.work}, since {self.since})"


_held: set[Path] = set()  # the folders that this process holds
_registry = threading.Lock()


@contextlib.contextmanager
def locked(folder: Path, work: str) -> Iterator[None]:
    """Holds `folder` for this process within the block; the folder itself need not exist.

    A process that holds the folder already may take it again. A lock that a crash left behind is taken over.

    Args:
        work: what is done, for the message that another process gets: `training`, `counseling`, …

    Raises:
        FolderInUse: another process holds it.
    """
    folder = folder.resolve()
    with _registry:
        is_ours = folder in _held
        if not is_ours:
            release = _acquire(folder, work)
            _held.add(folder)
    try:
        yield
    finally:
        if not is_ours:
            with _registry:
                _held.discard(folder)
                release()


def lock_file(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def holder_file(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.holder.json")


def _acquire(folder: Path, work: str):
    """Takes the lock; returns the function that releases it."""
    path = holder_file(folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file(folder), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise FolderInUse(f"{_in_use(folder, Holder.read(path))}; {WAIT}") from None
    try:
        before = Holder.read(path)
        if before and before.host != platform.node() and _seconds_since_heartbeat(path) < STALE:
            crashed = f"if that process is gone, start again in {STALE:.0f} s, or delete {display_path(path)}"
            raise FolderInUse(f"{_in_use(folder, before)}; {WAIT}; {crashed}")
        if before:
            log.warning("%s: the lock of %s is taken over; that process ended", display_path(folder), before)
        write_json(path, asdict(Holder.here(work)))
    except BaseException:
        lock.release()
        raise
    stop = threading.Event()
    threading.Thread(target=_beat, args=(path, stop), name=f"heartbeat {folder.name}", daemon=True).start()

    def release() -> None:
        stop.set()
        path.unlink(missing_ok=True)
        lock.release()

    return release


def _beat(path: Path, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT):
        with contextlib.suppress(OSError):  # a disk that is away for a moment
            os.utime(path)


def _seconds_since_heartbeat(path: Path) -> float:
    """How long ago the holder gave a sign of life, by the clock of the file system that both hosts share."""
    now = path.with_name(f"{path.name}.{os.getpid()}.now")
    now.touch()
    try:
        return now.stat().st_mtime - path.stat().st_mtime
    finally:
        now.unlink()


def _in_use(folder: Path, holder: Holder | None) -> str:
    return f"{display_path(folder)} is in use by {holder or 'another process'}"
