"""Progress bars with a rate and the remaining time, in terminals and in executed notebooks."""

import io
import sys
from typing import Any

from IPython import get_ipython
from IPython.display import display
from tqdm import tqdm


class _NotebookLine(io.TextIOBase):
    """A line of output that is replaced in place, so that the executed notebook keeps its last state only."""

    def __init__(self) -> None:
        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text: str) -> int:
        if line := text.strip():
            self.handle.update({"text/plain": line}, raw=True)
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
