"""A worker that holds models: how it loads them, computes with them, and says what they warn of. Knows no Ray."""

import logging
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from mirror.settings.errors import SettingsError

T = TypeVar("T")


@dataclass(frozen=True)
class Loaded:
    """A worker whose models are loaded.

    Attributes:
        facts: of its models, by role.
        device: the GPU's product name, or `cpu`.
        host: the machine.
        pid: of its process.
    """

    facts: Mapping[str, Any]
    device: str
    host: str
    pid: int


class ModelWorker:
    """Answers calls one at a time. All work of its models is done in one thread, which outlives the calls."""

    def __init__(self) -> None:
        """Loads nothing."""
        self.thread = ThreadPoolExecutor(1, "models")
        self.warnings = _Warnings()
        logging.getLogger("mirror").addHandler(self.warnings)

    def in_thread(self, work: Callable[[], T]) -> T:
        """Waits for work of the models."""
        return self.thread.submit(work).result()

    def loaded(self, facts: Mapping[str, Any], device: str) -> Loaded:
        """This worker, once its models are loaded."""
        return Loaded(facts, device, platform.node(), os.getpid())


def require_files(missing: Sequence[str]) -> None:
    """Refuses to load where this machine lacks files; one sentence each.

    Raises:
        SettingsError: there are such sentences; the message names the machine.
    """
    if missing:
        raise SettingsError("\n".join(f"{platform.node()}: {fault}" for fault in missing))


class _Warnings(logging.Handler):
    """Keeps what is logged as a warning, until it is collected."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: SimpleQueue[str] = SimpleQueue()

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.put(record.getMessage())

    def collect(self) -> tuple[str, ...]:
        return tuple(self.messages.get() for _ in range(self.messages.qsize()))
