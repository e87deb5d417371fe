"""What a running notebook shows: its lines and its progress, in a terminal and in a log. Knows nothing of kernels."""

import shutil
import threading
from typing import TextIO

from mirror.progress_bar import ProgressLog

CLEAR = "\r\x1b[K"  # goes to the line's beginning and clears it
# Lines of kernels and their libraries that say nothing about a run.
NOISE = (
    "Kernel is running over TCP without encryption",
    "KeyboardInterrupt caught in kernel",  # at its end
    "frozen modules are being used",
    "make the debugger miss breakpoints",
    "to python to disable frozen modules",
    "Debugging will proceed. Set PYDEVD_DISABLE_FILE_VALIDATION",
)


class Screen:
    """Shows the output of a notebook while it runs.

    In a terminal, the progress is one line at the bottom that is replaced in place. Elsewhere it is a line every half
    minute, and one at the end.
    """

    def __init__(self, out: TextIO, err: TextIO, log: ProgressLog | None = None) -> None:
        """Shows what the notebook prints on `out` and `err`, and its progress on `err`.

        Args:
            out: gets what the notebook prints.
            err: gets its warnings and its progress; whether it is a terminal decides how.
            log: paces the progress where `err` is no terminal.
        """
        self.files = {"stdout": out, "stderr": err}
        self.is_terminal = err.isatty()
        self._log = log or ProgressLog(self._write_line)
        self._begun = {"stdout": "", "stderr": ""}  # lines without an end
        self._live = ""  # the line at the bottom
        self._lock = threading.RLock()  # the kernel's own errors are read by another thread

    def show(self, stream: str, text: str) -> None:
        """Shows what the notebook wrote: whole lines, without noise; a line that it overwrites is progress.

        Args:
            stream: `stdout` or `stderr`.
            text: any part of what was written.
        """
        with self._lock:
            *lines, rest = (self._begun[stream] + text).split("\n")
            for line in lines:
                self._end_line(stream, line.rstrip("\r"))
            self._begun[stream] = rest
            if "\r" in rest:
                self.progress(rest.rstrip("\r").rpartition("\r")[2])

    def _end_line(self, stream: str, line: str) -> None:
        last = line.rpartition("\r")[2]
        if is_noise(last):
            return
        if "\r" not in line:
            self._write(stream, last)
        elif self.is_terminal:
            self._live = ""
            self._write("stderr", f"{CLEAR}{last}")
        else:
            self._log.show(last)
            self._log.close()

    def progress(self, line: str, has_ended: bool = False) -> None:
        """Shows the newest state of a progress bar; its last one stays, also where the next bar has the same name."""
        with self._lock:
            if not self.is_terminal:
                self._log.show(line)
                if has_ended:
                    self._log.close()
            elif has_ended:
                self._live = ""
                self.files["stderr"].write(f"{CLEAR}{line.strip()[: shutil.get_terminal_size().columns - 1]}\n")
                self.files["stderr"].flush()
            elif line.strip():
                self._live = line.strip()[: shutil.get_terminal_size().columns - 1]
                self._draw()

    def close(self) -> None:
        """Ends the lines that are still open."""
        for stream, rest in self._begun.items():
            if rest and "\r" not in rest and not is_noise(rest):
                self._write(stream, rest)
            self._begun[stream] = ""
        self._log.close()
        if self._live:
            self.files["stderr"].write("\n")
            self.files["stderr"].flush()
            self._live = ""

    def _write(self, stream: str, line: str) -> None:
        if self._live:
            self.files["stderr"].write(CLEAR)
            self.files["stderr"].flush()
        self.files[stream].write(f"{line}\n")
        self.files[stream].flush()
        if self._live:
            self._draw()

    def _write_line(self, line: str) -> None:
        self._write("stderr", line)

    def _draw(self) -> None:
        self.files["stderr"].write(f"{CLEAR}{self._live}")
        self.files["stderr"].flush()


def is_noise(line: str) -> bool:
    """Whether a line of a kernel says nothing about the run."""
    return any(noise in line for noise in NOISE)
