"""Several workers behind one port: each with a GPU of its own, replaced when it dies, gone when the service is."""

import os
import re
import signal
import socket
from types import SimpleNamespace

import pytest
import uvicorn
from uvicorn.config import STARTUP_FAILURE

from api import workers
from api.workers import VISIBLE, join, places, supervise, visible_gpus
from mirror.services.service import Service
from tests.servers import started_service, until

READY = re.compile(r"worker (\d) is ready, process (\d+)")


def is_running(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_worker_that_dies_is_replaced_and_all_end_with_the_service(tmp_path):
    with started_service("description", tmp_path, "--workers", "2") as (process, url):

        def ready():
            return READY.findall((tmp_path / "log").read_text())

        until(lambda: len(ready()) == 2)
        assert {number for number, _ in ready()} == {"0", "1"}
        client = Service(url, "/describe", retries=3)
        assert client.health()["workers"] == 2
        killed, first = ready()[0]
        os.kill(int(first), signal.SIGKILL)
        until(lambda: len(ready()) == 3)
        assert ready()[2][0] == killed  # it has the dead one's number, and so its GPU
        assert client.post({"history": "", "client_utt": "[smiles] Hello."})["model"] == "lexicon"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 0
        assert not any(is_running(int(number)) for _, number in ready())


@pytest.mark.slow
def test_workers_end_when_their_supervisor_is_killed(tmp_path):
    with started_service("description", tmp_path, "--workers", "2") as (process, _):
        until(lambda: len(READY.findall((tmp_path / "log").read_text())) == 2)
        process.kill()
        process.wait()
        for _, number in READY.findall((tmp_path / "log").read_text()):
            until(lambda number=number: not is_running(int(number)))


@pytest.mark.parametrize(("codes", "status"), [([0, 0], 0), ([-15, None], 0), ([0, STARTUP_FAILURE], 1)])
def test_a_service_whose_worker_could_not_start_has_failed(codes, status, monkeypatch):
    class Ended:
        """uvicorn's supervisor after its end."""

        def __init__(self, config, sockets):
            self.processes = [SimpleNamespace(exitcode=code) for code in codes]

        def run(self):
            pass

    monkeypatch.setattr(workers, "Multiprocess", Ended)
    with socket.socket() as listener:
        assert supervise(uvicorn.Config("an:app", workers=2), listener) == status


@pytest.fixture
def released(monkeypatch):
    """Numbers that a test takes are free again after it."""
    monkeypatch.setattr(workers, "held", [])
    yield
    for lock in workers.held:
        lock.release()


@pytest.mark.parametrize(
    ("gpus", "given"), [("0,1,2", ["0", "1", "2"]), ("GPU-a, GPU-b", ["GPU-a", "GPU-b", "GPU-a"]), ("", [""] * 3)]
)
def test_each_worker_has_a_number_and_a_gpu_of_those_that_are_visible(gpus, given, monkeypatch, released):
    """More workers than GPUs share them."""
    with places() as folder:
        found = []
        for number in range(3):
            monkeypatch.setenv(VISIBLE, gpus)
            assert join(folder, 3) == number
            found.append(os.environ[VISIBLE])
        with pytest.raises(RuntimeError, match="all 3 workers are running already"):
            join(folder, 3)
        workers.held.pop(1).release()  # as the system does when a process ends
        assert join(folder, 3) == 1
    assert found == given


@pytest.mark.parametrize(
    ("listed", "found"),
    [("GPU 0: NVIDIA A (UUID: GPU-1)\nGPU 1: NVIDIA B (UUID: GPU-2)\n", ["0", "1"]), ("No devices were found\n", [])],
)
def test_gpus_are_counted_without_cuda(listed, found, monkeypatch, tmp_path):
    monkeypatch.delenv(VISIBLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == []
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\nwhile read line; do echo \"$line\"; done <<'END'\n{listed}END\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    assert visible_gpus() == found


def test_while_models_load_a_service_can_be_interrupted():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(ValueError), workers.interruptible():
        assert signal.getsignal(signal.SIGTERM) is signal.getsignal(signal.SIGINT) is signal.SIG_DFL
        raise ValueError
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
