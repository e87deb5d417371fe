"""Device and precision as the settings name them."""

import os
from pathlib import Path

import pytest
import torch

from mirror.models.device import available_memory, keep_compiled_code, machine_memory, resolve_device, resolve_dtype


def test_auto_takes_a_gpu_only_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == resolve_device("cpu") == "cpu"


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert resolve_device("cuda:0") == "cuda:0"
    with pytest.raises(ValueError, match="device cuda:1: PyTorch sees 1 GPUs; use auto or cpu"):
        resolve_device("cuda:1")


@pytest.mark.parametrize(
    ("precision", "device", "dtype"),
    [
        ("auto", "cpu", torch.float32),
        ("auto", "cuda:1", torch.bfloat16),
        ("float32", "cuda", torch.float32),
        ("bf16", "cpu", torch.bfloat16),
    ],
)
def test_precision_depends_on_the_device_only_where_it_is_auto(precision, device, dtype):
    assert resolve_dtype(precision, device) == dtype


def test_a_cpu_has_the_memory_of_the_machine():
    assert available_memory(torch.device("cpu")) == machine_memory() > 1e8


@pytest.mark.parametrize(
    "group, file",
    [
        ("0::/", "memory.max"),
        ("0::/job/step", "job/memory.max"),
        ("0::/job/step", "job/step/memory.max"),
        ("4:memory:/job", "memory/job/memory.limit_in_bytes"),
        ("4:memory:/host/path", "memory/memory.limit_in_bytes"),
    ],
)
def test_a_container_or_job_has_no_more_than_its_limit(tmp_path, group, file):
    own = tmp_path / "cgroup"
    own.write_text(f"9:cpuset:/\n{group}\n")
    (tmp_path / "memory.max").write_text("max\n")
    assert machine_memory(tmp_path, own) == machine_memory(tmp_path / "none", tmp_path / "none") > 2**20
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(f"{2**20}\n")
    assert machine_memory(tmp_path, own) == 2**20


def test_a_gpu_has_what_nobody_uses_and_no_more_than_its_share(monkeypatch):
    """Of 100 bytes 60 are free; this process reserved 25 and uses 10 of them, and may have half of all."""
    asked = set()

    def answer(value):
        return lambda number: (asked.add(number), value)[1]

    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    monkeypatch.setattr(torch.cuda, "mem_get_info", answer((60, 100)))
    monkeypatch.setattr(torch.cuda, "memory_allocated", answer(10))
    monkeypatch.setattr(torch.cuda, "memory_reserved", answer(25))
    for share, available in ((1.0, 75), (0.5, 40)):
        monkeypatch.setattr(torch.cuda, "get_per_process_memory_fraction", answer(share))
        assert available_memory(torch.device("cuda")) == available_memory(torch.device("cuda:2")) == available
    assert asked == {1, 2}


def test_compiled_code_is_kept_where_it_lasts_unless_the_user_says_where(monkeypatch, tmp_path):
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert keep_compiled_code() == tmp_path / "mirror/inductor"
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "mirror/inductor")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/elsewhere")
    assert keep_compiled_code() == Path("/elsewhere")
