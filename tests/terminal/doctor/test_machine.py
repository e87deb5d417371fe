"""The machine itself, with each thing broken in turn."""

from dataclasses import replace

import pytest

from mirror.terminal.doctor.machine import Machine, checks, free_disk
from mirror.terminal.doctor.targets import TARGETS

SMALL = ("NVIDIA GeForce RTX 3080", 10_000_000_000)


def missing(target, machine, to_download=0):
    return {check.name: check for check in checks(TARGETS[target], machine, to_download) if not check.is_met}


@pytest.mark.parametrize("target", TARGETS)
def test_a_machine_with_everything_lacks_nothing(target, machine):
    assert missing(target, machine) == {}


@pytest.mark.parametrize(
    "target, change, name, found, mend",
    [
        ("laptop", {"python": (3, 10)}, "Python on Linux", "3.10", "make demo PYTHON="),
        ("24gb", {"has_module": lambda name: name != "bitsandbytes"}, "extra nf4", "not installed", "'.[nf4]'"),
        ("8x80gb", {"has_module": lambda name: name != "ray"}, "extra ray", "not installed", "'.[ray]'"),
        ("80gb", {"gpus": []}, "GPU", "none that PyTorch sees", "nvidia-smi"),
        ("24gb", {"gpus": [SMALL]}, "GPU", "1 × NVIDIA GeForce RTX 3080 10.0 GB", "CUDA_VISIBLE_DEVICES"),
        ("80gb", {"compile_obstacle": "there is no C compiler (cc)"}, "compiler", "no C compiler", "build-essential"),
        ("80gb", {"memory": 8_000_000_000}, "memory", "8.0 GB", "a machine with more memory"),
        ("80gb", {"disk": 1_000_000_000}, "disk", "1.0 GB free", "MIRROR_OUTPUT"),
    ],
)
def test_a_thing_that_is_missing_is_told_with_what_mends_it(machine, monkeypatch, target, change, name, found, mend):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    (check,) = missing(target, replace(machine, **change)).values()
    assert check.name == name and found in check.found and mend in check.mend


def test_seven_cards_are_not_eight(machine):
    check = missing("8x80gb", replace(machine, gpus=machine.gpus[1:]))["GPU"]
    assert check.found.startswith("7 × NVIDIA H100 80GB HBM3 85.0 GB") and check.needed.startswith("8 × 80 GB")


def test_what_is_to_be_downloaded_needs_disk(machine):
    """5.5 GB of the checkpoint beside it."""
    few = replace(machine, disk=20_000_000_000)
    assert not missing("80gb", few, to_download=14_000_000_000)
    check = missing("80gb", few, to_download=15_000_000_000)["disk"]
    assert check.needed == "15.0 GB to download and 5.5 GB for checkpoints"


def test_the_disk_of_a_folder_that_is_not_there_yet_is_that_of_its_parent(tmp_path):
    assert free_disk(tmp_path / "a/b") == pytest.approx(free_disk(tmp_path), rel=0.05)


@pytest.mark.slow
def test_this_machine_is_looked_at(output):
    here = Machine.here()
    assert here.memory > 10**8 and here.disk > 0 and here.has_module("onnxruntime") and not here.has_module("nothing")
