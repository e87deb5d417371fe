"""How much the pocket painter is trained, and where it is written."""

import pytest

from mirror.settings.errors import SettingsError
from pocket.painter.pack import FULL, SMALL
from pocket.settings import PocketSettings

GIVEN = {"work": "small", "device": "cpu", "folder": "", "seed": 0, "run": "pocket"}


def checked(**changes):
    return PocketSettings.checked(GIVEN | changes, "parameter")


def test_the_work_decides_the_budget_and_the_run_the_folder(output):
    assert checked().budget is SMALL and checked(work="full").budget is FULL
    assert checked().models == output / "results/pocket/models"
    assert checked(work="full", folder="elsewhere").models == output / "elsewhere"


def test_hardly_trained_models_overwrite_none():
    with pytest.raises(SettingsError, match="work is small, .* but folder is pocket/models: .*; leave folder"):
        checked(folder="pocket/models")


@pytest.mark.parametrize("values", [{"work": "medium"}, {"device": "gpu"}, {"run": "../x"}, {"seed": -1}])
def test_what_cannot_be_is_refused(values):
    (name,) = values
    with pytest.raises(SettingsError, match=f"parameter {name} must be"):
        checked(**values)


def test_a_gpu_must_be_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)
    with pytest.raises(SettingsError, match="device"):
        checked(device="cuda:9")
