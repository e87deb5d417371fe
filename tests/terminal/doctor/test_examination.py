"""All checks together, and their text."""

from dataclasses import replace

import pytest
from huggingface_hub import HfApi

from mirror.terminal.doctor.examination import examine, report
from mirror.terminal.doctor.hub import Hub
from mirror.terminal.doctor.targets import TARGETS


@pytest.fixture
def hub(tmp_path):
    return Hub(HfApi(), is_offline=True, cache=tmp_path)


def test_a_clone_has_all_that_a_laptop_needs(machine, hub):
    name, found = examine("laptop", replace(machine, gpus=[]), hub)
    text = report(name, found)
    assert all(check.is_met for check in found) and text.endswith("Nothing is missing.")
    assert "MISSING" not in text and "ok       insightface pack" in text


def test_what_is_missing_comes_again_at_the_end_with_what_mends_it(machine, hub, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-shown-0123456789")
    name, found = examine(None, machine, hub)
    text = report(name, found)
    assert name == "8x80gb" and TARGETS[name].train in text and "sk-not" not in text
    head, _, tail = text.partition(f"{text.count('MISSING')} missing:")
    assert "MISSING  base model: llava-hf/llava-1.5-7b-hf: not here" in head
    assert "  base model: llava-hf/llava-1.5-7b-hf: unset HF_HUB_OFFLINE; hf download" in tail
    assert len(tail.strip().splitlines()) == text.count("MISSING")
