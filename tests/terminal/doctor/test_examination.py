"""All checks together, and their text."""

import sys
from dataclasses import replace

import pytest
from huggingface_hub import HfApi

from mirror.terminal.doctor import examination
from mirror.terminal.doctor.examination import examine, report
from mirror.terminal.doctor.hub import Hub
from mirror.terminal.doctor.targets import TARGETS


@pytest.fixture
def hub(tmp_path):
    return Hub(HfApi(), is_offline=True, cache=tmp_path)


def test_a_clone_has_all_that_a_laptop_needs(settings, machine, hub):
    name, found = examine("laptop", replace(machine, gpus=[]), hub)
    text = report(name, found)
    assert all(check.is_met for check in found) and text.endswith("Nothing is missing.")
    assert "MISSING" not in text and "ok       insightface pack" in text and "--for NAME (24gb, 80gb, 8x80gb)" in text


def test_what_is_missing_comes_again_at_the_end_with_what_mends_it(settings, machine, hub, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-shown-0123456789")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setattr(examination, "is_active", lambda python: False)
    name, found = examine(None, machine, hub)
    text = report(name, found)
    assert name == "8x80gb" and TARGETS[name].train in text and "sk-not" not in text
    assert "MISSING  build: portraits" in text and "MISSING  describer: meta-llama/" in text
    head, _, tail = text.partition(f"{text.count('MISSING')} missing:")
    assert "MISSING  base model: llava-hf/llava-1.5-7b-hf: not here" in head
    assert "  base model: llava-hf/llava-1.5-7b-hf: unset HF_HUB_OFFLINE; hf download" in tail
    hint, *mends = tail.strip().splitlines()
    assert "source .venv/bin/activate" in hint and len(mends) == text.count("MISSING")


def test_an_environment_is_active_if_the_shell_finds_its_python():
    assert examination.is_active(sys.executable)
    assert not examination.is_active("/usr/bin/python") and not examination.is_active(None)
