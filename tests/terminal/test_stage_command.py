"""The command of a stage: papermill's options, unchanged, and what the shell completes."""

import subprocess
import sys

import click
import pytest
from click.shell_completion import ShellComplete
from papermill.cli import papermill

from mirror.terminal.command import mirror
from mirror.terminal.stage_command import StageCommand
from mirror.terminal.stages import STAGES
from tests import ROOT


def described(option):
    return {name: value for name, value in option.to_info_dict().items()}


def test_the_options_are_papermills():
    command = StageCommand(STAGES["train"])
    own = command.get_params(click.Context(command))
    theirs = [option for option in papermill.params if isinstance(option, click.Option)]
    assert [described(option) for option in own[1:-1]] == [described(option) for option in theirs]


def completed(*words):
    """What the shell is offered for the last of `words`."""
    shell = ShellComplete(mirror, {}, "mirror", "_MIRROR_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize(
    "words, offered",
    [
        (("re",), ["replay"]),
        (("train", "-p", "learning"), ["learning_rate"]),
        (("counsel", "-r", "client_tr"), ["client_trust"]),
        (("train", "-f", str(ROOT / "params/train/pocket-p")), [str(ROOT / "params/train/pocket-planning.yaml")]),
        (("list", "an"), ["analyse"]),
        (("doctor", "--for", "lap"), ["laptop"]),
    ],
)
def test_the_shell_completes(words, offered, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert completed(*words) == offered


def test_params_files_complete_as_one_types_them(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert completed("paint", "-f", "params/paint/p") == ["params/paint/pocket.yaml", "params/paint/published.yaml"]


def test_help_of_the_notebook_is_papermills(capfd):
    with pytest.raises(SystemExit):
        mirror.main(["train", "--help-notebook"])
    said = capfd.readouterr().out
    assert "Parameters inferred for notebook" in said and "learning_rate" in said


HEAVY = {"torch", "transformers", "diffusers", "pandas", "peft", "matplotlib", "ray", "openai"}


@pytest.mark.parametrize(
    "words, without",
    [
        ([], {"papermill", "nbformat"}),
        (["list"], {"papermill", "nbformat"}),
        (["train", "-p", "epochs", "x"], {"nbconvert"}),
    ],
)
def test_nothing_heavy_is_imported(words, without, output):
    """`pandas`, too: a table of models is no reason to wait a second."""
    code = (
        "import sys; from mirror.terminal.command import mirror\n"
        f"try: mirror.main({words})\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    found = {name for name in done.stdout.splitlines()[-1].split() if sys.modules.get(name, 1) is not None}
    assert not found & (HEAVY | without)
    assert not any(name.startswith("rfc3987_syntax.") for name in found)
