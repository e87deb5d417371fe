"""What a worker of the pool's tests holds: it counts, fails and dies as it is told."""

import os
import signal


class CountingWorker:
    def __init__(self, start: int) -> None:
        self.count = start

    def add(self, number: int) -> int:
        self.count += number
        return self.count

    def environment(self) -> dict[str, str | None]:
        return {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")}

    def fail(self) -> None:
        raise FileNotFoundError("no such portrait")

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
