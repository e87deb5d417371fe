"""When members of a cast, or steps of a job, are at work: calls are noted with beginning and end, in any thread."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from mirror.counseling.cast import Cast

METHODS = {"client": "speak", "describer": "describe", "painter": "paint", "verifier": "verify", "counselor": "reply"}
Interval = tuple[float, float]
Result = TypeVar("Result")


@dataclass
class Busy:
    """The calls of each role.

    Attributes:
        calls: role → (beginning, end) in seconds of `time.perf_counter`.
    """

    calls: dict[str, list[Interval]] = field(default_factory=lambda: {role: [] for role in METHODS})

    def watch(self, cast: Cast) -> Cast:
        """The cast, with every call noted."""
        watched: Any = {role: _Watched(getattr(cast, role), name, self.calls[role]) for role, name in METHODS.items()}
        return replace(cast, **watched)

    def seconds(self, role: str) -> float:
        """Of all calls of a role, those at the same time counted together."""
        return covered(self.calls[role])

    def share(self, roles: Collection[str]) -> float:
        """The share of the time, from the first call to the last one's end, in which one of the roles is at work."""
        every = [call for calls in self.calls.values() for call in calls]
        whole = max(end for _, end in every) - min(start for start, _ in every)
        return covered(call for role in roles for call in self.calls[role]) / whole


def covered(intervals: Iterable[Interval]) -> float:
    """The length of the union of intervals."""
    total, until = 0.0, float("-inf")
    for start, end in sorted(intervals):
        total += max(end - max(start, until), 0.0)
        until = max(until, end)
    return total


class StepClock:
    """The time of a job's steps, some of which run beside others."""

    def __init__(self) -> None:
        """Starts with no step."""
        self._calls: dict[str, list[Interval]] = {}

    def timed(self, step: str, call: Callable[[], Result]) -> Result:
        """The result of a call, which is noted. If it is not in CPU memory, a GPU may still be at work on it."""
        start = time.perf_counter()
        result = call()
        self._calls.setdefault(step, []).append((start, time.perf_counter()))
        return result

    def watch(self, member: object, method: str, step: str) -> None:
        """Notes every call of an object's method, from now on."""
        call = getattr(member, method)
        setattr(member, method, lambda *args, **options: self.timed(step, lambda: call(*args, **options)))

    def seconds(self, order: Sequence[str]) -> dict[str, float]:
        """By step, the seconds in which none of the steps before it in `order` runs: they add up to what all take."""
        until = [
            covered(call for step in order[:n] for call in self._calls.get(step, ())) for n in range(len(order) + 1)
        ]
        return {step: until[n + 1] - until[n] for n, step in enumerate(order) if step in self._calls}


class _Watched:
    def __init__(self, member: Any, method: str, calls: list[Interval]) -> None:
        self._member, self._method, self._calls = member, method, calls

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._member, name)
        if name != self._method:
            return found

        def call(*args: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return found(*args, **options)
            finally:
                self._calls.append((start, time.perf_counter()))

        return call
