"""Faults within a process: it dies at a write, the disk is full, the clock stands wrong. Knows nothing of stages.

A write is what changes a folder: a file opened for writing, renamed or removed, a folder made, and a file brought to
disk (`os.fsync`). The interpreter's audit events say when one is due, so that nothing of the software is replaced.
"""

import datetime
import errno
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass

CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate")
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
NEEDS_ROOM = ("open", "os.mkdir", "fsync")


@dataclass(frozen=True)
class ChildFault:
    """What happens to a process.

    Attributes:
        kill_at: the number of the write before which it is killed; 0 never.
        full_at: the number of the write from which the disk has no room; 0 never.
        torn: the share of what was last written that is not there when `kill_at` or `full_at` meets a file's end.
        most_bytes: what a file may have; 0 any number.
        clock: seconds by which the clock stands wrong.
    """

    kill_at: int = 0
    full_at: int = 0
    torn: float = 0.0
    most_bytes: int = 0
    clock: float = 0.0


class Writes:
    """Counts the writes below `folder` in this process, and lets a fault happen at one of them."""

    def __init__(self, folder: str, fault: ChildFault, count) -> None:
        """`count` is a shared number, so that another process can read how many there were."""
        self.folder, self.fault, self.count = folder, fault, count
        self.sizes: dict[int, int] = {}
        self.fsync = os.fsync

    def begin(self) -> None:
        if self.fault.most_bytes:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # the write fails instead
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.fault.most_bytes, self.fault.most_bytes))
        if self.fault.clock:
            shift_clock(self.fault.clock)
        os.fsync = self._fsync
        sys.addaudithook(self._audit)

    def _audit(self, event: str, args: tuple) -> None:
        if event == "open":
            path, _, flags = args
            if isinstance(flags, int) and flags & WRITING and self._is_inside(path):
                self._write(event)
        elif event in CHANGES and self._is_inside(args[0]):
            self._write(event)

    def _is_inside(self, path: object) -> bool:
        return isinstance(path, str | os.PathLike) and os.path.abspath(os.fspath(path)).startswith(self.folder)

    def _fsync(self, file: int) -> None:
        descriptor = file if isinstance(file, int) else file.fileno()
        self._write("fsync", descriptor)
        self.fsync(descriptor)
        self.sizes[os.fstat(descriptor).st_ino] = os.fstat(descriptor).st_size

    def _write(self, event: str, descriptor: int | None = None) -> None:
        self.count.value += 1
        if self.count.value == self.fault.kill_at:
            self._tear(descriptor)
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault.full_at and self.count.value >= self.fault.full_at and event in NEEDS_ROOM:
            self._tear(descriptor)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _tear(self, descriptor: int | None) -> None:
        """Takes off a part of what was written since the file was last brought to disk."""
        if descriptor is not None:
            now = os.fstat(descriptor)
            new = now.st_size - self.sizes.get(now.st_ino, 0)
            os.ftruncate(descriptor, now.st_size - int(self.fault.torn * min(new, 200)))


def shift_clock(seconds: float) -> None:
    """Lets the clock of this process stand wrong: `time` and `datetime`, wherever they were imported."""
    real = {name: getattr(time, name) for name in ("time", "time_ns")}
    time.time = lambda: real["time"]() + seconds
    time.time_ns = lambda: real["time_ns"]() + int(seconds * 1e9)
    original = datetime.datetime

    class Shifted(original):
        @classmethod
        def now(cls, tz=None):
            return original.now(tz) + datetime.timedelta(seconds=seconds)

    datetime.datetime = Shifted
    for module in list(sys.modules.values()):
        if getattr(module, "__name__", "").startswith("mirror") and getattr(module, "datetime", None) is original:
            module.datetime = Shifted
