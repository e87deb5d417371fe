"""The benchmark of several GPUs: its batches, and its table."""

import json
from argparse import Namespace

import pytest
import torch

from mirror.benchmarks.training import gpus
from mirror.benchmarks.training.gpus import Row, parts, report, table
from mirror.training.ranks import Ranks
from tests.small_llava import POSITIONS

ONE = Row(1, 10.0, 0.0, 0.0, 1.4, 90.0, 16, 11.2, 60.0, "NVIDIA H100", {})
FOUR = Row(4, 36.0, 0.04, 6.5, 1.4, 70.0, 8, 11.2, 70.0, "NVIDIA H100", {"count": 4})


class PretendedRanks(Ranks):
    def __init__(self, number, count):
        self.number, self.count = number, count


@pytest.mark.parametrize("lengths", ["equal", "mixed"])
def test_ranks_share_the_batches_of_one(model, lengths):
    values = {"lengths": lengths, "positions": POSITIONS, "batch_size": 3, "steps": 2}
    (whole, *_), *shared = (
        parts(model, PretendedRanks(number, count), torch.device("cpu"), values)
        for number, count in ((0, 1), (0, 2), (1, 2))
    )
    halves = [half[0] for half in shared]
    assert [len(half) for half in halves] in ([1, 2], [2, 1]) and len(whole) == 3
    assert torch.cat([half.pixel_values for half in halves]).equal(whole.pixel_values)
    assert sum(half.answer_tokens() for half in halves) == whole.answer_tokens()


def test_ratios_are_to_the_first_row():
    lines = table([ONE, FOUR]).splitlines()
    assert lines[2] == "| 1 | 10.00 | 1.00 | 100% | – | – | 90 GB | 16 | 11.2000 |"
    assert lines[3] == "| 4 | 36.00 | 3.60 | 90% | 6.5 ms | 4.0% | 70 GB | 8 | 11.2000 |"


GIVEN = {"size": "7b", "gpus": [1, 4], "lengths": "equal", "positions": 1329, "batch_size": 32, "steps": 10}


def test_the_report_names_the_card_and_its_own_command():
    text = report(Namespace(**GIVEN), [ONE, FOUR])
    assert "NVIDIA H100, " in text and "--size 7b --gpus 1 4 --lengths equal --batch-size 32 --steps 10`" in text
    assert "1.40 GB of gradients" in text and "every example 1,329 positions" in text


def test_a_row_that_fails_leaves_the_others(tmp_path, monkeypatch, capsys):
    rows = {1: ONE, 2: None, 4: FOUR}
    monkeypatch.setattr(gpus, "_measure_in_fresh_processes", lambda given, number: rows[number])
    monkeypatch.setattr(gpus, "missing_gpus", lambda number, device: [])
    gpus.run(Namespace(**GIVEN | {"gpus": [1, 2, 4]}, row=None, out=tmp_path))
    assert [row["gpus"] for row in json.loads((tmp_path / "train-7b-gpus.json").read_text())] == [1, 4]
    assert "| 4 | 36.00 |" in (tmp_path / "train-7b-gpus.md").read_text() and "| 3.60 |" in capsys.readouterr().out
