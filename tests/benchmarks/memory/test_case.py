"""One case of the benchmark of memory: what is watched, and what counts as a result."""

import pytest
import torch

from mirror.benchmarks.memory import case as cases
from mirror.benchmarks.memory.case import Case, Measurement, Watch, run_case, weights_of
from mirror.models.memory.rotation import Rotation

CASE = Case("all", 1, 24, 1, "pocket", 50, 1)


def test_memory_that_runs_out_is_a_result_and_other_errors_are_not(monkeypatch):
    def failing(error):
        def build(case):
            raise error

        return build

    monkeypatch.setattr(cases, "pocket_cast", failing(torch.OutOfMemoryError("CUDA out of memory. Tried to …")))
    assert run_case(CASE) == Measurement(CASE, "cpu", failure="out of memory")
    monkeypatch.setattr(cases, "pocket_cast", failing(RuntimeError("2 sessions failed")))
    with pytest.raises(RuntimeError, match="2 sessions failed"):
        run_case(CASE)


class Memory:
    """What PyTorch says of a GPU's memory: set by the calls that are watched."""

    def __init__(self, monkeypatch):
        self.allocated, self.peak, self.reserved = 100, 100, 200
        monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", self.reset)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda: self.allocated)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: self.peak)
        monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda: self.reserved)

    def reset(self):
        self.peak = self.allocated


class Painter:
    """Takes as much memory as it is told."""

    def __init__(self, memory):
        self.memory = memory

    def paint(self, took, reserved):
        self.memory.peak, self.memory.reserved = self.memory.allocated + took, reserved
        return took


def test_the_work_of_a_call_is_what_it_took_beside_what_was_there_but_the_first_compiles(monkeypatch):
    memory = Memory(monkeypatch)
    painter = Painter(memory)
    watch = Watch(painter, "paint", Rotation("cpu").join("painter", []))
    assert [painter.paint(took, reserved) for took, reserved in ((50, 900), (20, 300), (30, 400))] == [50, 20, 30]
    assert (watch.work, watch.reserved) == (30, 900)


def test_weights_are_counted_with_buffers():
    assert weights_of(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(4)) == (6 + 2 + 4 * 4) * 4 + 8
