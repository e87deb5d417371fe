"""Which device a process of torchrun takes, and what is refused."""

import pytest
import torch

from mirror.settings.errors import SettingsError
from mirror.training.ranks.torchrun import is_torchrun, rank_device, torchrun_ranks


def test_variables_of_other_programs_are_not_torchruns(monkeypatch):
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert not is_torchrun()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "a")
    assert is_torchrun()


def test_every_process_of_a_machine_takes_the_next_gpu(monkeypatch):
    assert rank_device("cpu", 3, 4) == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    assert [rank_device("auto", local, 4) for local in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:3"]
    with pytest.raises(SettingsError, match="torchrun started 8 processes on .* sees 4 GPUs; use --nproc-per-node 4"):
        rank_device("cuda", 0, 8)
    with pytest.raises(SettingsError, match="device cuda:1 names one GPU; .* use device auto"):
        rank_device("cuda:1", 0, 4)


def test_a_rank_of_torchrun_is_what_the_environment_says(monkeypatch):
    """Without torchrun's own store, rank 0 has it."""
    environment = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1, "MASTER_PORT": 0}
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    with torchrun_ranks("cpu") as ranks:
        assert (ranks.number, ranks.count, str(ranks.device)) == (0, 1, "cpu")
    assert ranks.store.check(["dismissed"])
