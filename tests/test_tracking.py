"""The numbers of a run: the same names and steps with each package. Stand-ins for packages that are not installed."""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import pytest

from mirror.tracking import tracked, tracking_obstacle

ROWS = [(1, {"train": 2.5, "learning_rate": 0.001}), (2, {"train": 1.5, "learning_rate": 0.0, "held_out": 2.0})]


@pytest.fixture
def package(monkeypatch):
    """A module whose `init` keeps what it gets; the function installs it under a name."""
    kept = SimpleNamespace(options=None, rows=[], ended=0)

    class Run:
        def log(self, values, step):
            kept.rows.append((step, values))

        def finish(self):
            kept.ended += 1

    def init(**options):
        kept.options = options
        return Run()

    def install(name):
        module = ModuleType(name)
        module.__spec__, module.init, module.Settings = ModuleSpec(name, None), init, SimpleNamespace
        monkeypatch.setitem(sys.modules, name, module)
        return kept

    return install


def log_rows(kind, folder):
    with tracked(kind, folder, {"seed": 7}) as tracker:
        for step, values in ROWS:
            tracker.log(step, values)


@pytest.mark.parametrize("kind", ["trackio", "wandb"])
def test_names_and_steps_are_those_of_the_run(kind, package, output, monkeypatch):
    monkeypatch.delenv("TRACKIO_DIR", raising=False)
    monkeypatch.delenv("WANDB_MODE", raising=False)
    kept = package(kind)
    log_rows(kind, output / "results/one")
    assert kept.rows == ROWS and kept.ended == 1
    assert (kept.options["project"], kept.options["name"], kept.options["config"]) == ("mirror", "one", {"seed": 7})
    assert kept.options["resume"] == "allow"


def test_nothing_leaves_the_machine_unless_asked(package, output, monkeypatch):
    monkeypatch.delenv("WANDB_MODE", raising=False)
    kept = package("wandb")
    log_rows("wandb", output / "one")
    assert kept.options["mode"] == "offline" and kept.options["dir"] == str(output / "one")
    monkeypatch.setenv("WANDB_MODE", "online")
    log_rows("wandb", output / "one")
    assert kept.options["mode"] == "online"


def test_runs_of_trackio_are_in_one_place(package, output, monkeypatch):
    import os

    monkeypatch.setenv("TRACKIO_DIR", "mine")
    package("trackio")
    log_rows("trackio", output / "results/one")
    assert os.environ["TRACKIO_DIR"] == "mine"
    monkeypatch.delenv("TRACKIO_DIR")
    log_rows("trackio", output / "results/one")
    assert os.environ["TRACKIO_DIR"] == str(output / "results/trackio")


def test_a_number_that_json_has_not_is_left_out(package, output):
    kept = package("wandb")
    with tracked("wandb", output, {}) as tracker:
        tracker.log(1, {"train": float("nan"), "epoch": 0.5})
    assert kept.rows == [(1, {"epoch": 0.5})]


def test_a_run_that_fails_is_ended(package, output):
    kept = package("wandb")
    with pytest.raises(KeyboardInterrupt), tracked("wandb", output, {}):
        raise KeyboardInterrupt
    assert kept.ended == 1


def test_none_tracks_nothing(output):
    with tracked("none", output, {}) as tracker:
        assert tracker is None
    assert not output.exists()


@pytest.mark.parametrize("kind", ["trackio", "wandb"])
def test_a_package_that_is_not_there_is_named_with_its_command(kind, monkeypatch, package):
    monkeypatch.setattr("mirror.tracking.find_spec", lambda name: None)
    fault = tracking_obstacle(kind)
    assert f"logging {kind} needs the package {kind}" in fault and "pip install" in fault
    monkeypatch.setattr("mirror.tracking.find_spec", lambda name: object())
    assert tracking_obstacle(kind) == "" == tracking_obstacle("none")
