"""Runs a notebook by papermill and shows what its kernel says. Knows nothing of stages and their parameters."""

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.log import logger
from papermill.utils import merge_kwargs, remove_args

from mirror.progress_bar import ENDED, MARK, SHOWN
from mirror.terminal.screen import Screen, is_noise

ENGINE = "mirror"  # papermill's name for what is registered here
KEPT = 20  # last lines that a kernel wrote by itself, shown if it dies
DISPLAYS = ("display_data", "update_display_data")


class KernelDied(RuntimeError):
    """The kernel ended before its notebook did; the message has the last lines that it wrote."""


class Interrupts:
    """Ctrl-C and SIGTERM while a notebook runs: the first interrupts the kernel, the second kills it.

    Attributes:
        count: how many came.
    """

    def __init__(self) -> None:
        self.count = 0


class _Client(PapermillNotebookClient):
    """Papermill's client of a kernel, which also shows its messages and passes interrupts on."""

    screen: Screen
    interrupts: Interrupts

    def papermill_execute_cells(self) -> None:
        """Runs the cells, with this process's signals passed on to the kernel."""
        with handled(self._interrupt):
            super().papermill_execute_cells()

    def _interrupt(self) -> None:
        self.interrupts.count += 1
        loop = asyncio.get_event_loop()
        if self.interrupts.count == 1:
            loop.call_soon_threadsafe(lambda: loop.create_task(self.km.interrupt_kernel()))
        else:
            loop.call_soon_threadsafe(lambda: loop.create_task(self.km.shutdown_kernel(now=True)))

    def process_message(self, *given: Any, **named: Any) -> Any:
        """Shows the state of a progress bar at once; papermill's client has no line for it."""
        message = given[0] if given else named["msg"]
        content = message["content"]
        if message["msg_type"] in DISPLAYS and (mark := content.get("metadata", {}).get(MARK)):
            self.screen.progress(content["data"].get("text/plain", ""), has_ended=mark == ENDED)
        return super().process_message(*given, **named)

    def output(self, outs: Any, msg: Any, display_id: str, cell_index: int) -> Any:
        """Shows what the notebook prints."""
        if msg["msg_type"] == "stream":
            name = msg["content"]["name"]
            if not (self.stdout_file if name == "stdout" else self.stderr_file):
                self.screen.show(name, msg["content"]["text"])
        return super().output(outs, msg, display_id, cell_index)


def register(screen: Screen, interrupts: Interrupts) -> None:
    """Makes `--engine mirror` of papermill show a notebook's output on `screen`, in this process.

    Raises (when a notebook is run):
        KernelDied: the kernel ended early.
    """

    class Engine(NBClientEngine):
        """Papermill's engine with the client above."""

        @classmethod
        def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **named: Any) -> Any:
            """Runs the notebook, as papermill's own engine does."""
            execution_timeout = named.pop("execution_timeout", None)
            start_timeout = named.pop("start_timeout", 60)
            settings = merge_kwargs(
                remove_args(["input_path", "timeout", "startup_timeout"], **named),
                timeout=execution_timeout,
                startup_timeout=start_timeout,
                kernel_name=kernel_name,
                log=logger,
            )
            client = _Client(nb_man, **settings)
            client.screen, client.interrupts = screen, interrupts
            with _raw_errors(screen) as (file, last):
                try:
                    return client.execute(stderr=file)
                except DeadKernelError:
                    pass
            if interrupts.count:
                raise KeyboardInterrupt
            raise KernelDied("\n".join(["the kernel died", *last]))

    logger.addFilter(_is_news)
    papermill_engines.register(ENGINE, Engine)
    os.environ[SHOWN] = "1"


def _is_news(record: logging.LogRecord) -> bool:
    """Whether papermill's log says something that the command does not say itself."""
    return "Kernel died while waiting" not in record.getMessage()


@contextlib.contextmanager
def handled(act: Callable[[], None]) -> Iterator[None]:
    """Calls `act` at every Ctrl-C and SIGTERM within the block."""

    def receive(number: int, frame: FrameType | None) -> None:
        act()

    before = {number: signal.signal(number, receive) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _raw_errors(screen: Screen) -> Iterator[tuple[int, deque[str]]]:
    """A file for what the kernel's process writes beside its messages; lines that are no noise are shown.

    Yields:
        The file's descriptor, for the kernel, and the last lines.
    """
    last: deque[str] = deque(maxlen=KEPT)
    reading, writing = os.pipe()

    def read() -> None:
        with open(reading, encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if not is_noise(line):
                    last.append(line.rstrip())
                    screen.show("stderr", line)

    reader = threading.Thread(target=read, name="kernel errors", daemon=True)
    reader.start()
    try:
        yield writing, last
    finally:
        os.close(writing)
        reader.join(timeout=5)  # a child of the kernel may still hold the file
