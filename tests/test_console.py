"""Console commands whose reader closes the pipe, in processes of their own."""

import ast
import os
import subprocess
import sys

import pytest

from mirror.console import PIPE_CLOSED
from tests import ROOT

START = "from mirror.console import run_command; run_command(lambda: {})"
# Processes that a command starts, and that talk to it alone.
FOLLOWERS = {"mirror/training/ranks/follower.py", "mirror/benchmarks/training/gpus.py"}


def ended(*words, closed=True):
    """The exit code and the errors of a Python process; its reader is gone before it writes anything."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reading, writing = os.pipe()
    if closed:
        os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=env, stdout=writing, stderr=subprocess.PIPE, text=True
        )
    finally:
        os.close(writing)
        if not closed:
            os.close(reading)
    return done.returncode, done.stderr


@pytest.mark.parametrize("lines", [1, 100_000], ids=["at the end", "under way"])
def test_a_command_whose_reader_is_gone_ends_without_a_message(lines):
    assert ended("-c", START.format(f"print('a line\\n' * {lines})")) == (PIPE_CLOSED, "")


def test_help_that_nobody_reads_ends_without_a_message():
    assert ended("-m", "mirror.transcripts", "--help") == (PIPE_CLOSED, "")
    assert ended("-m", "mirror", "--help")[1] == ""


@pytest.mark.parametrize("value, code", [("None", 0), ("3", 3), ("exit(4)", 4)])
def test_a_command_ends_with_what_it_returns(value, code):
    assert ended("-c", START.format(value), closed=False) == (code, "")


def test_another_pipe_that_breaks_is_an_error():
    broken = "(_ for _ in ()).throw(BrokenPipeError('a server went away'))"
    code, errors = ended("-c", START.format(broken), closed=False)
    assert code == 1 and errors.rstrip().endswith("BrokenPipeError: a server went away")


def test_every_command_starts_so():
    """One place decides how commands end; a command that starts itself is found here."""
    found = {}
    for package in ("mirror", "pocket", "api"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
                    found[path.relative_to(ROOT).as_posix()] = ast.unparse(node.body[-1])
    assert len(found) > 20
    others = {name for name, last in found.items() if not last.startswith("run_command(")}
    assert others == FOLLOWERS | {"mirror/__main__.py"}  # the last one calls what the installed command calls
