"""A stage with a notebook of a few lines, in a repository of its own, and its command."""

import os
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mirror.terminal.stage_command import StageCommand
from mirror.terminal.stages import Stage

PARAMETERS = 'run: str = "tiny"  # folder under results/\nn: int = 1  # a number'


@pytest.fixture
def stage(tmp_path, monkeypatch, output):
    """Writes a notebook of these cells behind a parameters cell, and gives the stage that runs it."""
    monkeypatch.setattr("mirror.terminal.stages.repository_root", lambda: tmp_path)
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "params/tiny").mkdir(parents=True)

    def write(*cells):
        first = new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        notebook = new_notebook(cells=[first, *map(new_code_cell, cells)])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, tmp_path / "notebooks/tiny.ipynb")
        return Stage("tiny", "do little")

    return write


@pytest.fixture
def run(monkeypatch, capfd):
    """Runs a stage's command; gives its exit code and what it wrote."""
    monkeypatch.setattr(os, "environ", os.environ.copy())

    def call(stage, *words):
        monkeypatch.setattr(sys, "argv", ["mirror", stage.name, *words])
        with pytest.raises(SystemExit) as ended:
            StageCommand(stage).main(list(words), prog_name=f"mirror {stage.name}")
        return ended.value.code, capfd.readouterr()

    return call
