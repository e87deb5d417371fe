"""The command line of the training benchmark: what it cannot measure is said at once."""

import sys

import pytest

from mirror.benchmarks.training import __main__ as benchmark


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--size 7b --beside trl", "pip install trl"),
        ("--size 7b", "needs an NVIDIA GPU"),
        ("--size qwen3-vl-8b", "needs an NVIDIA GPU"),
        ("--size qwen3-vl-8b --lengths mixed", "is measured without --gpus, --quantize and --lengths mixed"),
        ("--size pocket", "--size pocket needs --lengths mixed or --gpus"),
    ],
)
def test_what_cannot_be_measured_is_said(words, told, monkeypatch, capsys):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["benchmark", *words.split()])
    with pytest.raises(SystemExit) as ended:
        benchmark.main()
    assert told in capsys.readouterr().err + str(ended.value)
