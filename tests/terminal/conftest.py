"""A stage with a notebook of a few lines, in a repository of its own."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

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
