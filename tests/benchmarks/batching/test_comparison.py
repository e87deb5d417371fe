"""The benchmark of mixed lengths, at pocket size: the same examples in every row, shares counted, one loss."""

import json
import sys

import pytest

from mirror.benchmarks import training as benchmark
from mirror.benchmarks.batching import comparison
from mirror.benchmarks.batching.comparison import measurement_table, ways_here
from mirror.benchmarks.batching.rules import FIXED, GROUPED, PACKED, PADDED, RULES, equal_examples, mixed_examples
from mirror.benchmarks.batching.shares import count_shares
from mirror.benchmarks.batching.ways import PUBLISHED_IMAGE, WAYS, Measurement, random_tokens
from mirror.models.llava import load
from mirror.models.llava_chat import IGNORED
from mirror.paths import input_path
from mirror.training.settings import RECIPES


def test_captions_had_half_of_the_steps_and_have_their_share_now():
    before, now = (count_shares(rule, mixed_examples(6400), 32, 16) for rule in (GROUPED, PACKED))
    assert before.captions_of_tokens == now.captions_of_tokens == pytest.approx(0.109, abs=0.01)
    assert before.captions_in_steps == pytest.approx(0.5, abs=0.05) and before.of_one_kind > 0.9
    assert now.captions_in_steps == pytest.approx(now.captions_of_tokens, abs=0.02) and now.of_one_kind < 0.02


def test_padding_is_counted_by_hand():
    examples = mixed_examples(8)
    lengths = sorted((e.positions for e in examples), reverse=True)
    computed = 4 * lengths[0] + 4 * lengths[4]
    found = count_shares(GROUPED, examples, 8, 4)
    assert found.padding == pytest.approx(1 - sum(lengths) / computed) and found.parts == 2
    packed, padded, fixed = (count_shares(rule, mixed_examples(640), 32, 16) for rule in (PACKED, PADDED, FIXED))
    assert packed.padding == 0 and packed.parts == 2
    assert 0 < padded.padding < fixed.padding / 5


def test_examples_are_as_long_as_they_say():
    model = load(str(input_path(RECIPES["pocket"]["base_model"]))).model
    image = model.config.image_token_id
    examples = mixed_examples(4)
    tokens, pixels = random_tokens(model, examples, seed=0)
    (patches,) = {t.input_ids.count(image) for t in tokens}
    assert [len(t) for t in tokens] == [e.positions - PUBLISHED_IMAGE + patches for e in examples]
    assert [sum(label != IGNORED for label in t.labels) for t in tokens] == [e.answer for e in examples]
    assert len(pixels) == 4


def test_equal_examples_have_the_answers_of_mixed_ones():
    equal = equal_examples(4, 1000)
    assert {e.positions for e in equal} == {1000}
    assert [e.answer for e in equal] == [e.answer for e in mixed_examples(4)]


def test_ratios_are_to_the_first_row_and_to_the_last():
    rows = [
        Measurement("equal", 15.0, 15000.0, 14.0, 70.0, 8, 11.2, 30.0),
        Measurement("TRL", 6.0, 6000.0, 5.0, 0.0, 8, 11.2, 30.0),
    ]
    first, last = measurement_table(rows).splitlines()[2:]
    assert first == "| equal | 15.00 | 2.50 | 15,000 | 100.0% | 14.00 | 70 GB | 8 | 11.2000 |"
    assert last == "| TRL | 6.00 | 1.00 | 6,000 | 40.0% | 5.00 | – | 8 | 11.2000 |"


def test_what_cannot_be_measured_here_is_left_out_and_said(monkeypatch, capsys):
    monkeypatch.setattr("mirror.benchmarks.batching.trl_trainer.is_installed", lambda: False)
    assert [WAYS[number].trainer for number in ways_here("cpu")] == ["mirror"] * 3 + ["published"]
    assert "TRL's SFTTrainer: left out; pip install trl datasets" in capsys.readouterr().out
    assert sum(WAYS[number].float8 for number in ways_here("cuda")) == 1


@pytest.mark.slow
def test_rows_are_measured_on_the_same_examples(capsys, monkeypatch):
    words = "benchmark --size pocket --lengths mixed --batches 1 --variant".split()
    found = []
    for number in (1, 2, 4):
        monkeypatch.setattr(sys, "argv", [*words, str(number)])
        benchmark.main()
        found.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert [row["name"] for row in found] == [WAYS[number].name for number in (1, 2, 4)]
    assert all(row["samples_per_second"] > 0 and row["micro_batch"] == 4 for row in found)
    assert len({round(row["first_loss"], 3) for row in found}) == 1  # one batch, computed in three ways


@pytest.mark.slow
def test_the_report_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(comparison, "COUNTED", 640)
    monkeypatch.setattr(comparison, "ways_here", lambda _: [2])
    monkeypatch.setattr(
        sys, "argv", "benchmark --size pocket --lengths mixed --batches 1 --out".split() + [str(tmp_path)]
    )
    benchmark.main()
    assert json.loads((tmp_path / "train-pocket-mixed.json").read_text())[0]["name"] == WAYS[2].name
    page = (tmp_path / "train-pocket-mixed.md").read_text()
    assert page in capsys.readouterr().out and all(rule.name in page for rule in RULES)
