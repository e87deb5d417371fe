"""A notebook in a kernel of its own: its progress, Ctrl-C, and its death."""

import os
import signal
import subprocess

import pytest

from mirror.progress_bar import SHOWN
from mirror.terminal.screen import Screen
from tests.processes import PAPERMILL
from tests.terminal.cells import PROGRESS, traceback_of


@pytest.mark.slow
def test_papermill_itself_shows_the_progress_in_its_log(stage, tmp_path):
    stage(PROGRESS)
    alone = {name: value for name, value in os.environ.items() if name not in (SHOWN, "PYTEST_CURRENT_TEST")}
    command = [*PAPERMILL, "--no-progress-bar", "notebooks/tiny.ipynb", "out.ipynb"]
    done = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, check=True)
    bars = [line for line in done.stderr.splitlines() if line.startswith("counting:")]
    assert "0/2" in bars[0] and "2/2" in bars[-1] and "$0.01" in bars[-1]


@pytest.mark.slow
def test_an_interrupt_reaches_the_kernel_and_says_how_to_go_on(stage, run, monkeypatch, output):
    """The kernel waits without end; this process gets Ctrl-C as soon as the kernel says that it waits."""
    shown = Screen.show

    def show(self, stream, text):
        shown(self, stream, text)
        if "waiting" in text:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Screen, "show", show)
    waits = (
        "import threading\n"
        "try:\n"
        "    print('waiting', flush=True)\n"
        "    threading.Event().wait()\n"
        "finally:\n"
        "    open('tidied', 'w').close()\n"
    )
    code, said = run(stage(waits), "-p", "n", "2", "--cwd", str(output.parent))
    assert code == 130 and said.err.splitlines()[-1] == f"stopped; to go on: mirror tiny -p n 2 --cwd {output.parent}"
    assert (output.parent / "tidied").exists()
    assert "KeyboardInterrupt" in traceback_of(output / "results/tiny/tiny.ipynb")


@pytest.mark.slow
def test_a_kernel_that_dies_is_told_with_its_last_words(stage, run):
    dies = "import os\nos.write(2, b'Killed: out of memory\\n')\nos._exit(1)"
    code, said = run(stage(dies))
    assert code == 138
    assert "mirror tiny failed: the kernel died\nKilled: out of memory\n" in said.err
    assert "waiting for execute reply" not in said.err
