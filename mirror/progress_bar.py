"""A progress bar with a rate and an end: one line in a terminal, one line that is replaced in place in a notebook."""

import io
import sys

from IPython import get_ipython
from IPython.display import display
from tqdm import tqdm


class _NotebookLine(io.TextIOBase):
    """A line that a notebook shows and replaces in place, so that the executed notebook keeps its last state only."""

    def __init__(self) -> None:
        self.handle = display({"text/plain": ""}, raw=True, display_id=True)

    def write(self, text: str) -> int:
        if line := text.strip():
            self.handle.update({"text/plain": line}, raw=True)
        return len(text)


def progress_bar(name: str, unit: str, total: int, done: int = 0) -> tqdm:
    """A bar that counts `unit`, with their rate and the time left; `done` were there before."""
    file = sys.stderr if get_ipython() is None else _NotebookLine()
    return tqdm(total=total, initial=done, unit=f" {unit}", desc=name, file=file, dynamic_ncols=True)
