"""Notices within a minute that a rank has failed or died, so that no other rank waits for it.

Every rank shows a sign of life in the store that the ranks share; a rank that raises writes its error there. Work that
takes long (loading a model, writing a checkpoint) is no fault: the signs come from a thread of their own. They also say
how many exchanges a rank has begun, so that those who have waited too long for one know which rank does not come.
"""

import json
import os
import platform
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta

from torch.distributed import Store  # type: ignore[attr-defined]

INTERVAL = 1.0  # seconds between two signs of life
LOST = 30.0  # seconds without one after which a rank is considered dead
LAST_LINES = 12  # of a traceback, in messages
DONE = "done"
FAILURE = "failure"


class RankFailed(Exception):
    """Another rank failed or died; the message has its number, its host, and the end of its traceback."""


@dataclass(frozen=True)
class Failure:
    """Why a rank ended.

    Attributes:
        rank: its number.
        host: its machine.
        text: its error with the last lines of its traceback, or how its process ended.
    """

    rank: int
    host: str
    text: str

    def __str__(self) -> str:
        return f"rank {self.rank} on {self.host} {self.text}"


def failure_of(rank: int, error: BaseException) -> Failure:
    """The failure of this process, rank `rank`, by an error that it raised."""
    lines = "".join(traceback.format_exception(error)).rstrip().splitlines()[-LAST_LINES:]
    return Failure(rank, platform.node(), "\n".join([f"failed: {type(error).__name__}: {error}", *lines]))


class Watch:
    """The signs of life of all ranks. Rank 0 watches all others, each of which watches rank 0."""

    def __init__(
        self,
        store: Store,
        rank: int,
        ranks: int,
        look: Callable[[], Failure | None] = lambda: None,
        on_failure: Callable[[Failure], None] = lambda _: None,
    ) -> None:
        """Take the store; nothing is watched before `start`.

        Args:
            store: a connection of its own to the store of all ranks.
            rank: of this process.
            ranks: number of all ranks.
            look: a further way to notice a failure, such as the state of a process.
            on_failure: called once in the thread of the watch, after a failure was noticed.
        """
        self.store, self.rank, self.ranks = store, rank, ranks
        self.look, self.on_failure = look, on_failure
        self.failure: Failure | None = None
        self.exchanges = 0  # that this rank has begun
        self._noticed, self._stop = threading.Event(), threading.Event()
        self._signs = 0
        self._seen: dict[int, tuple[bytes, float]] = {}  # rank → its last sign, and when it came
        self._thread = threading.Thread(target=self._run, name=f"watch of rank {rank}", daemon=True)

    def start(self) -> None:
        """Show signs of life, and watch those of others, in a thread."""
        self.store.set_timeout(timedelta(seconds=LOST))
        self.store.set(f"host/{self.rank}", platform.node())
        self._show_sign()  # at once: a rank that is suspended before its thread runs is missed, too
        self._thread.start()

    def stop(self) -> None:
        """Say that this rank has done its part, so that nobody misses its signs of life."""
        self._stop.set()
        self._thread.join(LOST)
        if not self.failure and not self._thread.is_alive():
            self.store.set(_sign(self.rank), DONE)

    def tell(self, error: BaseException) -> None:
        """Write the error of this rank for the others to see, unless another rank's was first or is the cause."""
        if not isinstance(error, RankFailed):
            self._stop.set()
            self._thread.join(LOST)
            self._first(failure_of(self.rank, error))

    def check(self) -> None:
        """Raise RankFailed if a rank has failed."""
        if self.failure:
            raise RankFailed(f"{self.failure}\nThe training ended; it resumes from its last checkpoint.")

    def wait_for_failure(self, seconds: float) -> None:
        """Raise RankFailed as soon as a failure is noticed; return after `seconds` without one."""
        self._noticed.wait(seconds)
        self.check()

    def give_up(self, seconds: float) -> None:
        """Raise RankFailed, here and in all ranks: a rank lives and has not come to the exchange that others wait in.

        Args:
            seconds: that this rank has waited.
        """
        begun = {rank: self._begun(rank) for rank in range(self.ranks) if rank != self.rank}
        behind = [rank for rank, exchanges in begun.items() if exchanges < self.exchanges]
        rank = min(behind or begun, key=begun.__getitem__, default=self.rank)
        text = (
            f"is stuck: it lives, but others have waited {seconds:.0f} s for it to come on; look there at what its "
            "process does (py-spy dump --pid), its GPU (nvidia-smi) and its disks"
            if behind
            else f"and all others have waited {seconds:.0f} s in the same exchange; look at the network between them"
        )
        failure = self._first(Failure(rank, self.store.get(f"host/{rank}").decode(), text))
        if self._thread.is_alive():
            self.wait_for_failure(LOST)  # until the thread has noticed it, which ends a follower
        self.failure = failure
        self.check()

    def _begun(self, rank: int) -> int:
        """The exchanges that a rank has begun, as it last said."""
        words = self.store.get(_sign(rank)).split() if self.store.check([_sign(rank)]) else []
        return int(words[1]) if len(words) > 1 else 0

    def _run(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(INTERVAL):
            now = time.monotonic()
            if now - last > LOST / 2:  # this whole process was suspended
                self._seen = {rank: (sign, now) for rank, (sign, _) in self._seen.items()}
            last = now
            if failure := self._look_around(now):
                self.failure = failure
                self._noticed.set()
                self.on_failure(failure)
                return

    def _show_sign(self) -> None:
        self._signs += 1
        self.store.set(_sign(self.rank), f"{self._signs} {self.exchanges}")

    def _look_around(self, now: float) -> Failure | None:
        try:
            self._show_sign()
            if self.store.check([FAILURE]):
                return Failure(**json.loads(self.store.get(FAILURE)))
            if failure := self.look() or self._silent_rank(now):
                return self._first(failure)
        except RuntimeError:  # of the store, which lives as long as rank 0 or its machine
            return Failure(0, "its machine", "is gone: the store of all ranks does not answer")
        return None

    def _silent_rank(self, now: float) -> Failure | None:
        for rank in range(1, self.ranks) if self.rank == 0 else (0,):
            if not self.store.check([_sign(rank)]):
                continue  # it is still starting
            sign = self.store.get(_sign(rank))
            if sign != self._seen.get(rank, (b"", now))[0]:
                self._seen[rank] = (sign, now)
            elif sign != DONE.encode() and now - self._seen[rank][1] > LOST:
                host = self.store.get(f"host/{rank}").decode()
                return Failure(rank, host, f"died or cannot be reached: no sign of life for {LOST:.0f} s")
        return None

    def _first(self, failure: Failure) -> Failure:
        """Write a failure into the store; the one that was written first."""
        written = self.store.compare_set(FAILURE, "", json.dumps(asdict(failure)))
        return Failure(**json.loads(written))


def _sign(rank: int) -> str:
    return f"sign/{rank}"


def end_process(failure: Failure) -> None:
    """End this process at once: its main thread may be waiting for the rank that failed."""
    os.write(2, f"ended, because {failure}\n".encode())
    os._exit(1)
