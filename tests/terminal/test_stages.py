"""Stages: the parameters of their notebooks, and the folder of a run."""

import re

import pytest

from mirror.settings.errors import SettingsError
from mirror.settings.params_file import read_params
from mirror.terminal.stages import STAGES, Stage, stage_of
from tests import ROOT


def test_every_notebook_but_the_one_for_a_browser_is_a_stage():
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} - {"explore"} == STAGES.keys()


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_the_parameters_of_every_params_file_are_those_of_its_notebook(stage):
    assert stage.params_files
    for path in stage.params_files:
        assert read_params(path).keys() <= stage.defaults.keys()
        assert stage_of(read_params(path)) == stage.name


@pytest.mark.parametrize("name", ["train", "counsel", "build", "paint", "replay", "pocket"])
def test_a_run_without_parameters_has_the_folder_that_its_notebook_chooses(name, output):
    values = STAGES[name].checked({}, check_files=False)
    assert re.fullmatch(f"{name}-(pocket|models)[a-z-]*", values["run"])
    assert STAGES[name].executed(values) == output / "results" / values["run"] / f"{name}.ipynb"


def test_a_share_of_a_table_has_a_folder_of_its_own(output):
    values = STAGES["counsel"].checked({"run": "a", "shard": "2/8"}, check_files=False)
    assert STAGES["counsel"].run_folder(values) == output / "results/a-2of8"
    assert STAGES["counsel"].run_folder(values | {"shard": "1/1"}) == output / "results/a"


def test_what_the_notebook_would_refuse_is_refused():
    with pytest.raises(SettingsError, match="^parameter epochs must be a whole number, found the text 'x'$"):
        STAGES["train"].checked({"epochs": "x"})


def test_a_notebook_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("mirror.terminal.stages.repository_root", lambda: tmp_path)
    with pytest.raises(SettingsError, match=r"no notebook .*nothing\.ipynb; start mirror inside a clone"):
        _ = Stage("nothing", "do nothing").notebook
