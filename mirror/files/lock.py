"""Folder locks, so that two processes never write the same run, checkpoint or ratings.

The lock is an OS lock on a hidden file beside the folder (`.<name>.lock`); the OS releases it when the process ends,
even by a crash. A second hidden file (`.<name>.holder.json`) names the holder. On file systems that do not share OS
locks between hosts, the heartbeat of the holder (the modification time of that file) shows whether it is alive.
"""

import contextlib
import glob
import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from mirror.files.json_file import read_json, write_json
from mirror.paths import display_path

log = logging.getLogger(__name__)

HEARTBEAT = 20.0  # seconds between two heartbeats of a holder
STALE = 6 * HEARTBEAT  # seconds without a heartbeat after which a holder on another host is considered dead
WAIT = "wait until it has ended, or give this run another name"


class FolderInUse(RuntimeError):
    """Another process holds the folder. The message says which, on which host, and since when. Nothing was changed."""


@dataclass(frozen=True)
class Holder:
    """The process that holds a lock.

    Attributes:
        pid: its process id.
        host: the name of its host.
        since: the time at which it acquired the lock, ISO 8601 in UTC.
        work: what it does: `training`, `counseling`, …
    """

    pid: int
    host: str
    since: str
    work: str

    @classmethod
    def here(cls, work: str) -> "Holder":
        """Describe this process."""
        return cls(os.getpid(), platform.node(), datetime.now(UTC).isoformat(timespec="seconds"), work)

    @classmethod
    def read(cls, path: Path) -> "Holder | None":
        """Read the holder from a file; None if there is no file, or if a crash damaged it."""
        try:
            return cls(**read_json(path))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} ({self.work}, since {self.since})"


_held: set[Path] = set()  # folders that this process holds
_registry = threading.Lock()


@contextlib.contextmanager
def locked(folder: Path, work: str) -> Iterator[None]:
    """Lock `folder` for this process within the block.

    Reentrant within a process. A lock left behind by a crash is taken over.

    Args:
        folder: the folder to lock; it need not exist.
        work: what the process does (`training`, `counseling`, …), for the error message in other processes.

    Raises:
        FolderInUse: another process holds the folder.
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
    """Return the path of the file that is locked for `folder`."""
    return folder.with_name(f".{folder.name}.lock")


def holder_file(folder: Path) -> Path:
    """Return the path of the file that names the holder of `folder`."""
    return folder.with_name(f".{folder.name}.holder.json")


def holder_of(folder: Path) -> Holder | None:
    """Return the process that works in `folder`, as its name and its heartbeat tell; None if there is none alive.

    Takes no lock and writes nothing. A holder on this machine is alive if its process is, another if its heart beats.
    """
    folder = folder.resolve()
    if not (found := Holder.read(holder_file(folder))):
        return None
    if found.host == platform.node():
        return found if _is_running(found.pid) else None
    try:
        beat = holder_file(folder).stat().st_mtime
    except FileNotFoundError:  # it ended in this moment
        return None
    return found if time.time() - beat < STALE else None


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # of another user
        return True
    return True


def _acquire(folder: Path, work: str) -> Callable[[], None]:
    """Acquire the lock and return the function that releases it."""
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
            log.warning("%s: the lock of %s was taken over; that process has ended", display_path(folder), before)
        for partial in path.parent.glob(f".{glob.escape(path.name)}.*.partial"):
            partial.unlink(missing_ok=True)  # of a process that was killed while it wrote its name
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
        with contextlib.suppress(OSError):  # the file system is briefly unavailable
            os.utime(path)


def _seconds_since_heartbeat(path: Path) -> float:
    """Return the age of the last heartbeat, by the clock of the file system that both hosts share."""
    now = path.with_name(f"{path.name}.{os.getpid()}.now")
    now.touch()
    try:
        return now.stat().st_mtime - path.stat().st_mtime
    finally:
        now.unlink()


def _in_use(folder: Path, holder: Holder | None) -> str:
    return f"{display_path(folder)} is in use by {holder or 'another process'}"
