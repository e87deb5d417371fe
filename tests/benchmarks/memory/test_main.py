"""The command of the benchmark of memory."""

import json

import pytest

from mirror.benchmarks.memory.__main__ import main
from mirror.benchmarks.memory.case import Case, Measurement

CASE = Case("all", 1, 24, 1, "pocket", 50, 1)


def test_real_shapes_need_a_gpu(monkeypatch):
    monkeypatch.setattr("sys.argv", ["memory", "--card", "24"])
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(SystemExit, match="needs an NVIDIA GPU"):
        main()


@pytest.mark.slow
@pytest.mark.proof
def test_a_case_runs_in_a_process_of_its_own_with_its_models_taking_turns(tmp_path, monkeypatch, capsys):
    options = ["--size", "pocket", "--sessions", "1", "--offload", "all", "--turns", "1", "--out", str(tmp_path)]
    monkeypatch.setattr("sys.argv", ["memory", *options])
    main()
    assert "| 24 GiB | 1 | all |" in capsys.readouterr().out
    (found,) = map(Measurement.of, json.loads((tmp_path / "memory.json").read_text()))
    assert (found.case, found.device, found.failure, found.fits) == (CASE, "cpu", "", True)
    assert found.moving.keys() == {"counselor", "painter"} and all(seconds > 0 for seconds in found.moving.values())
    assert found.seconds > 0 and found.stages["painter"] > 0 and 0 < found.pinned < found.estimated
    assert (found.reserved, found.painting, found.replying) == (None, None, None)  # a CPU counts no peaks
