"""The benchmark of replies at pocket size; its numbers are those of a GPU only."""

from dataclasses import replace

import pytest
import torch

from mirror.benchmarks import replies
from mirror.benchmarks.random_models.counselor import random_counselor
from mirror.benchmarks.replies import WAYS, Bench, Measurement, measure, share_in_common, table
from mirror.models.llava import load
from tests.tiny_llava import BASE


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS[1:3], ids=lambda way: way.name)
def test_a_way_is_measured_at_all_batch_sizes(way, monkeypatch):
    monkeypatch.setattr(replies, "TEXT", 40)
    monkeypatch.setattr(replies, "REPLY", 5)
    *early, five, two = measure(load(str(BASE)).model, way, [2, 5])
    found = [five, two]
    assert early == [replace(row, equal_tokens=None) for row in found]
    assert [m.batch for m in found] == [5, 2] and {m.way for m in found} == {way.name}
    assert all(m.equal_tokens == 1 and 0 < m.prompt_share < 1 and m.seconds_per_reply > 0 for m in found)


def test_every_reply_has_a_prompt_and_a_seed_of_its_own(monkeypatch):
    monkeypatch.setattr(replies, "TEXT", 40)
    model = load(str(BASE)).model
    given = Bench(model, WAYS[0]).reply(range(4), 6)
    assert len(set(map(tuple, given))) == 4 and {len(row) for row in given} == {6}


def test_a_model_of_another_family_replies_alike_either_way(monkeypatch):
    monkeypatch.setattr(replies, "TEXT", 40)
    model = random_counselor("qwen3-vl-tiny", torch.float32, "cpu").eval()
    dynamic, static = (Bench(model, way).reply(range(3), 6) for way in WAYS[:2])
    assert static == dynamic and len(set(map(tuple, dynamic))) == 3


def test_rows_are_written_as_they_are_measured(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(replies, "TEXT", 40)
    replies.report(tmp_path, "qwen3-vl-8b", [Measurement("before", 16, 0.2, 0.2, 1, 30.0)])
    text = (tmp_path / "replies-qwen3-vl-8b.md").read_text()
    assert (
        "Qwen3-VL 8B" in text
        and "142 positions" in text
        and "| before | 16 | 0.200 (1.00) | 20% | 1 s | 30 GB |  |" in text
    )


def test_what_two_replies_share_ends_where_they_first_differ():
    assert share_in_common([1, 2, 3, 4], [1, 2, 9, 4]) == 0.5
    assert share_in_common([1, 2], [1, 2]) == 1 and share_in_common([1, 2], [2, 1]) == 0


def test_ratios_are_to_the_first_way_at_the_same_batch_size():
    before = [Measurement("before", 16, 0.2, 0.2, 1, 30.0, 1), Measurement("before", 1, 2.0, 0.1, 1, 30.0, 1)]
    after = [Measurement("after", 16, 0.1, 0.45, 47, 31.0, 0.5), Measurement("after", 1, 0.5, 0.1, 40, 31.0, 1)]
    rows = table(before + after).splitlines()
    assert rows[2] == "| before | 16 | 0.200 (1.00) | 20% | 1 s | 30 GB | 100% |"
    assert rows[4] == "| after | 16 | 0.100 (2.00) | 45% | 47 s | 31 GB | 50% |"
    assert rows[5] == "| after | 1 | 0.500 (4.00) | 10% | 40 s | 31 GB | 100% |"
