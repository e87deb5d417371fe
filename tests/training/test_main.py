"""The command line: papermill's forms, and what is refused before anything loads."""

import pytest
import yaml
from papermill.cli import _resolve_type

from mirror.settings.errors import SettingsError
from mirror.training import __main__ as command
from tests import ROOT
from tests.training_parameters import PARAMETERS

FILE = str(ROOT / "params/train/mirror-7b-planning.yaml")


@pytest.mark.parametrize("text", ["True", "False", "None", "7", "007", "2e-4", "1.5", "-3", "base", "true", "a b", ""])
def test_values_are_read_as_papermill_reads_them(text):
    ours, theirs = command.plain_value(text), _resolve_type(text)
    assert ours == theirs and type(ours) is type(theirs)


def test_parameters_replace_those_of_the_files(tmp_path):
    (tmp_path / "more.yaml").write_text("seed: 1\nepochs: 2\n")
    words = [
        "-f",
        FILE,
        "-f",
        str(tmp_path / "more.yaml"),
        "-p",
        "seed",
        "8",
        "-r",
        "run",
        "007",
        "-p",
        "fresh",
        "True",
    ]
    values = command.read_values(words)
    whole = yaml.safe_load((ROOT / FILE).read_text())
    assert values == whole | {"seed": 8, "epochs": 2, "run": "007", "fresh": True}


def test_a_params_file_is_needed(capsys):
    with pytest.raises(SystemExit):
        command.read_values(["-p", "seed", "8"])
    assert "-f/--parameters_file" in capsys.readouterr().err


def test_more_gpus_than_the_machine_has_are_refused(monkeypatch, tmp_path):
    import torch

    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(PARAMETERS | {"data": "pocket/data/mirror_base.json"}))
    words = ["-f", str(tmp_path / "a.yaml"), "-p", "image_folder", "pocket/data/images", "-p", "device", "auto"]
    monkeypatch.setattr("sys.argv", ["train", *words, "-p", "gpus", "4"])
    with pytest.raises(SystemExit, match="command line: gpus: 4 were requested but PyTorch sees 2 on this machine"):
        command.main()


def test_under_torchrun_gpus_is_left_alone(monkeypatch, tmp_path):
    environment = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1, "MASTER_PORT": 0}
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    values = PARAMETERS | {"data": "a.json", "image_folder": ".", "gpus": 2}
    with pytest.raises(SettingsError, match="gpus is 2, but torchrun starts the processes; leave it 1"):
        command.train_under_torchrun(values)
