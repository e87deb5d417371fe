"""Which worker has what of the work, and in whose hands workers died. Starts no worker and writes no file."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

MOST_DEATHS = 3  # in a row with the same piece of work, without a result between

Work = TypeVar("Work")
Name = TypeVar("Name", bound=Hashable)


class WorkersDie(RuntimeError):
    """Workers died one after another; the message names the work and the last error, and says how to go on."""


class Assignments(Generic[Name, Work]):
    """Pieces of work in the hands of workers.

    One whose workers died twice in a row is given to a worker that has no other, so that none is ever blamed for the
    deaths that another one causes.

    Attributes:
        waiting: what is in nobody's hands, in order.
        held: by worker and name.
        deaths: by name, since the last result.
    """

    def __init__(self, waiting: deque[Work], name: Callable[[Work], Name], told: Callable[[Work], str]) -> None:
        """Begins with nothing given.

        Args:
            waiting: the work, from which it is taken.
            name: of a piece of work, unique.
            told: how an error names it.
        """
        self.waiting, self.name, self.told = waiting, name, told
        self.held: defaultdict[int, dict[Name, Work]] = defaultdict(dict)
        self.deaths: Counter[Name] = Counter()

    def give(self, worker: int, number: int) -> list[Work]:
        """Gives a worker up to so many pieces of work; none if there is none for it."""
        found = list(self._chosen(worker, number))
        for work in found:
            self.waiting.remove(work)
        self.keep(worker, found)
        return found

    def _chosen(self, worker: int, number: int) -> Iterator[Work]:
        taken = len(self.held[worker])
        most = taken + number
        if self.has_suspect(worker):
            return
        for work in self.waiting:
            is_suspect = self._is_suspect(self.name(work))
            if taken == most:
                return
            if is_suspect and taken:
                continue
            yield work
            taken += 1
            if is_suspect:
                return

    def has_suspect(self, worker: int) -> bool:
        """Whether a worker has work that must remain its only one."""
        return any(map(self._is_suspect, self.held[worker]))

    def _is_suspect(self, name: Name) -> bool:
        return self.deaths[name] >= MOST_DEATHS - 1

    def take_back(self, worker: int, names: Iterable[Name]) -> list[Work]:
        """The work of a worker that has come on; it is not in its hands until it is given again."""
        found = [self.held[worker].pop(name) for name in names]
        for work in found:
            del self.deaths[self.name(work)]
        return found

    def keep(self, worker: int, found: Iterable[Work]) -> None:
        """Puts work into the hands of a worker."""
        self.held[worker] |= {self.name(work): work for work in found}

    def died(self, worker: int, reason: str) -> None:
        """Takes all work from a worker that died; it comes next.

        Raises:
            WorkersDie: it was the third in a row with one piece of it.
        """
        lost = self.held.pop(worker, {})
        self.deaths.update(lost.keys())
        if blamed := [self.told(work) for name, work in lost.items() if self.deaths[name] >= MOST_DEATHS]:
            raise WorkersDie(
                f"{MOST_DEATHS} workers died one after another in {', '.join(blamed)}; all before is on disk. The last "
                f"one:\n{reason}\nRemove the cause, or take this one out of the table, and start the same run again"
            )
        self.waiting.extendleft(reversed(lost.values()))
