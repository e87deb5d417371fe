"""The command line as a whole."""

import sys

import pytest
from click.testing import CliRunner

from mirror.terminal.command import TARGET_NAMES, mirror
from mirror.terminal.doctor.targets import TARGETS
from mirror.terminal.stages import STAGES


def test_help_lists_every_command_in_the_order_of_a_study():
    said = CliRunner().invoke(mirror, ["--help"]).output
    places = [said.index(f"\n  {name} ") for name in (*STAGES, "list", "doctor", "completion")]
    assert places == sorted(places)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_is_the_shells(shell):
    done = CliRunner().invoke(mirror, ["completion", shell])
    assert done.exit_code == 0 and f"_MIRROR_COMPLETE={shell}_complete" in done.output


def test_targets_of_the_doctor_can_be_named():
    assert TARGET_NAMES == tuple(TARGETS)


@pytest.mark.parametrize("words", [["trian"], ["list", "nothing"], ["doctor", "--for", "12gb"]])
def test_an_unknown_word_is_refused(words):
    done = CliRunner().invoke(mirror, words)
    assert done.exit_code == 2 and words[-1] in done.output


def test_a_doctor_who_cannot_be_imported_says_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "mirror.terminal.doctor.examination", None)
    done = CliRunner().invoke(mirror, ["doctor"])
    assert done.exit_code == 1 and "pip install --constraint constraints.txt --editable '.'" in done.output
