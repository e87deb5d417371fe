"""Progress bars with a rate and the remaining time, in terminals, in executed notebooks, and in logs."""

import contextlib
import io
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from IPython import get_ipython
from IPython.display import display
from tqdm import tqdm

# The display of a bar carries this in its metadata, so that what runs a notebook can tell it from other output.
MARK = "mirror_progress"
ENDED = "ended"  # the mark of a bar's last state; of the others it is true
# Set in the environment of a kernel whose progress is shown by what runs it.
SHOWN = "MIRROR_PROGRESS_SHOWN"
JUPYTER = "JPY_SESSION_NAME"  # set in kernels of JupyterLab, where the notebook itself is looked at
PERIOD = 30.0  # seconds between two lines of a log


class ProgressLog:
    """Writes the progress of bars as a log: a line for the beginning and the end, and one every half minute."""

    def __init__(self, write: Callable[[str], object], clock: Callable[[], float] = time.monotonic) -> None:
        """Starts an empty log.

        Args:
            write: gets one line at a time, without its end.
            clock: seconds.
        """
        self._write, self._clock = write, clock
        self._name = self._waiting = self._last = ""
        self._written = 0.0

    def show(self, line: str) -> None:
        """Takes the newest state of a bar, `name: …`, and writes it if it is due."""
        if not (line := line.strip()):
            return
        name = line.partition(":")[0]
        if name != self._name:
            self.close()
        self._waiting = line
        if name != self._name or self._clock() - self._written >= PERIOD:
            self._name, self._written = name, self._clock()
            self._flush()

    def close(self) -> None:
        """Writes the last state of the bar, unless it is written."""
        self._flush()
        self._name = self._last = ""

    def _flush(self) -> None:
        if self._waiting and self._waiting != self._last:
            self._write(self._waiting)
            self._last = self._waiting
        self._waiting = ""


class _NotebookLine(io.TextIOBase):
    """A line of output that is replaced in place, so that the executed notebook keeps its last state only."""

    def __init__(self) -> None:
        self.handle = display({"text/plain": ""}, raw=True, display_id=True, metadata={MARK: True})
        self._last = ""
        is_shown = SHOWN in os.environ or JUPYTER in os.environ
        self.log = ProgressLog(_tell_starter if not is_shown else lambda line: None)

    def write(self, text: str) -> int:
        if line := text.strip():
            self._last = line
            self.handle.update({"text/plain": line}, raw=True, metadata={MARK: True})
            self.log.show(line)
        elif text == "\n":  # tqdm ends a bar with it
            self.handle.update({"text/plain": self._last}, raw=True, metadata={MARK: ENDED})
            self.log.close()
        return len(text)


def progress_bar(name: str, unit: str, total: int, done: int = 0) -> "tqdm[Any]":
    """Create a progress bar.

    Args:
        name: the label in front of the bar.
        unit: what is counted, in the plural: `turns`.
        total: the number of units at the end.
        done: the number of units that earlier runs finished; they do not count for the rate.
    """
    file = sys.stderr if get_ipython() is None else _NotebookLine()
    return tqdm(total=total, initial=done, unit=f" {unit}", desc=name, file=file, dynamic_ncols=True)


def count_as_done(bar: "tqdm[Any]", number: int) -> None:
    """Count units that an earlier run finished and that are found only now; they do not count for the rate."""
    if not bar.disable:  # a bar that is switched off (TQDM_DISABLE) has no counts
        bar.initial += number
        bar.n += number


def _tell_starter(line: str) -> None:
    """Write a line where the program writes that started the kernel: papermill's terminal or log."""
    with contextlib.suppress(OSError):  # that terminal was closed
        os.write(sys.stderr.fileno(), f"{line}\n".encode())
