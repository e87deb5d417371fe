"""Seconds of the CPU are those of this process."""

import time

from mirror.painting.stopwatch import Stopwatch


def test_the_work_of_this_process_is_measured_and_its_waiting_is_not(monkeypatch):
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(time, "process_time", lambda: next(clock))
    monkeypatch.setattr(time, "perf_counter", lambda: 0.0)
    watch = Stopwatch("cpu")
    with watch.lap() as lap:
        assert lap.seconds == 0
    assert lap.seconds == 2.5 and (watch.unit, watch.hardware) == ("CPU", "cpu")


def test_a_gpu_is_waited_for(monkeypatch):
    told = []
    monkeypatch.setattr("torch.cuda.synchronize", lambda device: told.append("synchronize"))
    monkeypatch.setattr(time, "perf_counter", lambda: told.append("time") or float(len(told)))
    watch = Stopwatch("cuda:0")
    with watch.lap() as lap:
        told.append("work")
    assert told == ["synchronize", "time", "work", "synchronize", "time"] and lap.seconds == 3
    assert watch.unit == "GPU"
