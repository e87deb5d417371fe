"""The machine itself, with each thing broken in turn."""

import socket
from dataclasses import replace

import pytest

from mirror.terminal.doctor.machine import Machine, checks, is_free, why_no_gpu
from mirror.terminal.doctor.targets import TARGETS

SMALL = ("NVIDIA GeForce RTX 3080", 10_000_000_000)


def missing(target, machine):
    return {check.name: check for check in checks(TARGETS[target], machine) if not check.is_met}


@pytest.mark.parametrize("target", TARGETS)
def test_a_machine_with_everything_lacks_nothing(target, machine):
    assert missing(target, machine) == {}


@pytest.mark.parametrize(
    "target, change, name, found, mend",
    [
        ("laptop", {"python": (3, 10)}, "Python on Linux", "3.10", "make demo PYTHON="),
        ("24gb", {"has_module": lambda name: name != "bitsandbytes"}, "extra nf4", "not installed", "'.[nf4]'"),
        ("8x80gb", {"has_module": lambda name: name != "ray"}, "extra ray", "not installed", "'.[ray]'"),
        ("80gb", {"has_module": lambda name: name != "HanTa"}, "extra build", "not installed", "'.[build]'"),
        ("24gb", {"memory": 23_000_000_000}, "memory", "23.0 GB", "a machine with more memory"),
        ("80gb", {"gpus": []}, "GPU", "none that PyTorch sees", "nvidia-smi"),
        ("24gb", {"gpus": [SMALL]}, "GPU", "1 × NVIDIA GeForce RTX 3080 10.0 GB", "CUDA_VISIBLE_DEVICES"),
        ("80gb", {"compile_obstacle": "there is no C compiler (cc)"}, "compiler", "no C compiler", "build-essential"),
        ("80gb", {"memory": 8_000_000_000}, "memory", "8.0 GB", "a machine with more memory"),
        ("laptop", {"memory": 500_000_000}, "memory", "0.5 GB", "--memory of Docker"),
        ("laptop", {"has_port": False}, "port 8010", "taken", "mirror explore --port 0"),
    ],
)
def test_a_thing_that_is_missing_is_told_with_what_mends_it(machine, monkeypatch, target, change, name, found, mend):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    (check,) = missing(target, replace(machine, **change)).values()
    assert check.name == name and found in check.found and mend in check.mend


def test_seven_cards_are_not_eight(machine):
    check = missing("8x80gb", replace(machine, gpus=machine.gpus[1:]))["GPU"]
    assert check.found.startswith("7 × NVIDIA H100 80GB HBM3 85.0 GB") and check.needed.startswith("8 × 80 GB")


@pytest.mark.parametrize(
    "has_driver, cuda, visible, found, mend",
    [
        (False, None, None, "none, nor a driver of one", "use a machine with GPUs"),
        (True, None, None, "torch 2.13.0+cpu is built without CUDA", "pip install --constraint constraints.txt"),
        (True, "13.0", "", "CUDA_VISIBLE_DEVICES hides them", "unset CUDA_VISIBLE_DEVICES"),
        (True, "13.0", "-1", "CUDA_VISIBLE_DEVICES hides them", "unset CUDA_VISIBLE_DEVICES"),
        (True, "13.0", "0", "none that PyTorch sees", "nvidia-smi must list"),
    ],
)
def test_why_there_is_no_gpu_is_told_where_it_can_be_known(machine, has_driver, cuda, visible, found, mend):
    why = why_no_gpu(has_driver, "2.13.0+cpu", cuda, visible)
    check = missing("80gb", replace(machine, gpus=[], gpu_obstacle=why))["GPU"]
    assert found in check.found and mend in check.mend


def test_a_port_that_somebody_listens_at_is_taken():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert not is_free(other.getsockname()[1])
    assert is_free(0)


@pytest.mark.slow
def test_this_machine_is_looked_at(output):
    here = Machine.here()
    assert here.memory > 10**8 and here.has_module("onnxruntime") and not here.has_module("nothing")
