"""The benchmark of how batches are formed, at pocket size: same examples in every row, shares counted, cuts undone."""

import json
import sys

import pytest

from mirror.benchmarks.training import __main__ as benchmark
from mirror.benchmarks.training import mixed
from mirror.benchmarks.training.mixed import make_batch
from mirror.benchmarks.training.rules import EQUAL, RULES, mixed_examples
from mirror.models.llava import load
from mirror.models.llava_chat import IGNORED
from mirror.paths import input_path
from mirror.training.settings import RECIPES

PACKED, CUT, BEFORE, FIXED = RULES


def test_a_batch_is_as_long_as_its_examples_say():
    model = load(str(input_path(RECIPES["pocket"]["base_model"]))).model
    image = model.config.image_token_id
    examples = mixed_examples(4)
    batch = make_batch(model, examples, seed=0)
    images = (batch.input_ids == image).sum(1).tolist()
    assert len(set(images)) == 1
    wanted = sorted((e.positions - 576 + images[0] for e in examples), reverse=True)
    assert batch.lengths() == wanted
    assert sorted((batch.labels != IGNORED).sum(1).tolist()) == sorted(e.answer for e in examples)


@pytest.mark.slow
@pytest.mark.proof
def test_rows_are_measured_on_the_same_examples(capsys, monkeypatch):
    words = "benchmark --size pocket --lengths mixed --batches 1 --variant".split()
    monkeypatch.setattr(mixed, "MEASURED", RULES)
    found = []
    for number in (1, 3):
        monkeypatch.setattr(sys, "argv", [*words, str(number)])
        benchmark.main()
        found.append(json.loads(capsys.readouterr().out.splitlines()[-1]))
    assert [row["name"] for row in found] == [CUT.name, FIXED.name]
    assert all(row["samples_per_second"] > 0 and row["micro_batch"] == 4 for row in found)
    assert found[0]["first_loss"] == pytest.approx(found[1]["first_loss"], rel=1e-4)  # one batch, cut in two ways


@pytest.mark.slow
@pytest.mark.proof
def test_the_report_is_written(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(mixed, "MEASURED", mixed.MEASURED[:1])
    monkeypatch.setattr(mixed, "COUNTED", 640)
    monkeypatch.setattr(
        sys, "argv", "benchmark --size pocket --lengths mixed --batches 1 --out".split() + [str(tmp_path)]
    )
    benchmark.main()
    assert json.loads((tmp_path / "train-pocket-mixed.json").read_text())[0]["name"] == EQUAL.name
    page = (tmp_path / "train-pocket-mixed.md").read_text()
    assert EQUAL.name in page and BEFORE.name in page and page in capsys.readouterr().out
