"""The command of the benchmark of workers, as far as it goes without a GPU and without Ray."""

import pytest
import torch

from mirror.benchmarks.workers.__main__ import main


def test_real_shapes_without_a_gpu_are_refused_at_once(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["workers", "--workers", "1", "2"])
    with pytest.raises(SystemExit, match="PyTorch sees none; use --size pocket, or name a cluster"):
        main()
