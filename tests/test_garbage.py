"""Garbage is searched for seldom in a process that asks for it, and in no other."""

import gc
import subprocess
import sys

import pytest

from mirror.garbage import YOUNG, search_seldom
from mirror.settings.base import Settings


@pytest.fixture(autouse=True)
def _as_it_was():
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.parametrize(("before", "after"), [(700, YOUNG), (YOUNG + 1, YOUNG + 1), (0, 0)])
def test_searches_become_rarer_and_never_more_frequent(before, after):
    gc.set_threshold(before, 11, 12)
    search_seldom()
    assert gc.get_threshold() == (after, 11, 12)


def test_the_cell_that_reads_a_notebooks_parameters_asks_for_it():
    gc.set_threshold(700)
    Settings.from_notebook({})
    assert gc.get_threshold()[0] == YOUNG


def test_the_console_command_asks_for_it_and_an_import_does_not():
    code = (
        "import gc; before = gc.get_threshold()\n"
        "from mirror.terminal import command\n"
        "assert gc.get_threshold() == before\n"
        "command.mirror = lambda **given: print(gc.get_threshold()[0])\n"
        "command.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == (f"{YOUNG}\n", "")
