"""A stage from its command to its end: a kernel of its own runs a few lines."""

from pathlib import Path

import pytest
from papermill.exceptions import PapermillExecutionError

from mirror.terminal import execution
from mirror.terminal.execution import tell
from tests import ROOT
from tests.terminal.cells import PROGRESS, traceback_of


@pytest.mark.slow
def test_a_stage_runs_shows_what_it_does_and_leaves_its_notebook_in_the_runs_folder(stage, run, output):
    code, said = run(stage("print('n is', n)", PROGRESS), "-p", "n", "7", "-p", "run", "seven")
    assert code == 0 and said.out == "n is 7\n"
    first, *bars, last = said.err.splitlines()
    out = output / "results/seven/tiny.ipynb"  # in full, since it is not in the repository
    assert (first, last) == (f"tiny: {out}", f"tiny ended: {out}")
    assert bars[0].startswith("counting:   0%") and "$0.01" in bars[-1] and "2/2" in bars[-1]
    assert '"n is 7' in (output / "results/seven/tiny.ipynb").read_text()


@pytest.mark.slow
def test_an_error_is_one_screen_and_its_traceback_is_in_the_notebook(stage, run, output):
    out = output / "new/folder/mine.ipynb"
    code, said = run(stage("def deep():\n    raise ValueError('too little of it')", "deep()"), str(out))
    assert code == 1
    assert said.err.splitlines()[1:] == [
        "mirror tiny failed: ValueError: too little of it",
        f"The traceback is in {out}.",
    ]
    assert "too little of it" in traceback_of(out) and "deep" in traceback_of(out)


def ended(stage, error, capsys):
    """How a stage ends whose notebook raises an error: the exit code and what is told."""

    def papermill(notebook, out):
        Path(out).write_text("of the run that was refused")
        raise error

    options = {f"parameters{form}": () for form in ("", "_raw", "_file", "_yaml", "_base64")}
    options |= {"prepare_only": False, "engine": "nbclient"}
    code = execution.run(execution.Command(stage, "", options, ["tiny"]), papermill)
    return code, capsys.readouterr().err.splitlines()[1:]


def test_a_refusal_leaves_the_earlier_notebook(stage, output, capsys):
    earlier = output / "results/tiny/tiny.ipynb"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("of a complete run")
    error = PapermillExecutionError(1, 1, "", "RunConflict", "holds a run with other settings", [])
    assert ended(stage(), error, capsys) == (1, ["mirror tiny refused: holds a run with other settings"])
    assert earlier.read_text() == "of a complete run"


@pytest.mark.parametrize("error", [RuntimeError("Kernel died before replying"), TimeoutError("A cell timed out")])
def test_a_kernel_that_does_not_start_or_takes_too_long_is_told(stage, output, capsys, error):
    where = output / "results/tiny/tiny.ipynb"
    told = [f"mirror tiny failed: {error}", f"How far it came is in {where}."]
    assert ended(stage(), error, capsys) == (1, told)


def test_only_parameters_are_put_in_where_nothing_is_to_run(stage, run, output):
    code, said = run(stage("1 / 0"), "--prepare-only", "-p", "n", "3")
    assert code == 0 and "n = 3" in (output / "results/tiny/tiny.ipynb").read_text()


def test_what_the_notebook_would_refuse_starts_no_kernel(stage, run, tmp_path, output):
    (tmp_path / "bad.yaml").write_text("n: 1\nn: 2\n")
    code, said = run(stage(), "-f", str(tmp_path / "bad.yaml"))
    assert code == 1 and said.err.startswith("mirror tiny refused: ") and "twice" in said.err
    assert not output.exists()


def test_a_message_of_several_lines_is_first_and_last_and_fits_a_screen(capsys):
    tell("train", "refused", "\n".join(f"fault {number}" for number in range(90)), "The traceback is in x.")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == lines[-1] == "mirror train refused: fault 0" and len(lines) <= 24
    assert lines[-3:-1] == ["… and 69 more lines", "The traceback is in x."]
    tell("train", "refused", "one fault")
    assert capsys.readouterr().err == "mirror train refused: one fault\n"


def test_refusals_are_errors_of_this_package():
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "mirror").rglob("*.py"))
    assert [name for name in execution.REFUSALS if f"class {name}(" not in sources] == []
