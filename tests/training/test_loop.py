"""The loop around the steps: which batches it takes, from where, when it saves, and when it stops.

The steps are scripted: their losses decide what the loop does.
"""

from pathlib import Path

import pytest
import torch
from PIL import Image

from mirror.models.llava_chat import IGNORED, Tokens
from mirror.training.dataset import TrainingSet, batches
from mirror.training.loop import TrainingLoop
from mirror.training.ranks import ALONE, Ranks
from mirror.training.records import Record
from mirror.training.resume import Progress
from mirror.training.settings import TrainSettings
from mirror.training.step import Diverged, rate_factor
from tests.training_parameters import PARAMETERS

TRAIN, HELD_OUT = tuple(range(7)), (7, 8, 9)
STEPS = 2 * 2  # epochs × batches of 3 or 4 examples


class ScriptedStepper:
    """Gives losses as it is told to, and notes what it was given: the number of a record is its first token."""

    micro_batch = 2

    def __init__(self, held_out=(), fails_at=None):
        self.held_out, self.fails_at = iter(held_out), fails_at
        self.steps, self.factors, self.validated = [], [], []

    def step(self, batch, number, factor):
        if number == self.fails_at:
            raise Diverged("loss nan")
        self.steps.append((number, sorted(batch.input_ids[:, 0].tolist())))
        self.factors.append(factor)
        return 4.0 - number

    def mean_loss(self, batches):
        self.validated.append([batch.input_ids[:, 0].tolist() for batch in batches])
        return next(self.held_out, 1.0)


@pytest.fixture
def data(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "face.png")
    records = tuple(Record(f"d:{i}:r", "d", str(i), "r", tmp_path / "face.png", (), i) for i in range(10))
    tokens = tuple(Tokens([i, *[1] * (i % 3)], [i, *[IGNORED] * (i % 3)]) for i in range(10))
    return TrainingSet(records, tokens, TRAIN, HELD_OUT, ())


@pytest.fixture
def loop(data, llava):
    def loop(held_out=HELD_OUT, ranks=ALONE, **changes):
        values = PARAMETERS | {"data": "d.json", "image_folder": ".", "batch_size": 4} | changes
        settings = TrainSettings.checked(values, "parameter", check_files=False)
        kept = TrainingSet(data.records, data.tokens, data.train, held_out, ())
        return TrainingLoop(settings, llava, kept, ranks)

    return loop


def run(loop, stepper, progress=None):
    progress, saved = progress or Progress(), []
    loop.run(stepper, progress, Path("final"), lambda: saved.append(progress.step))
    return progress, saved


def test_every_epoch_takes_the_batches_that_its_seed_draws(loop, capsys):
    stepper = ScriptedStepper(held_out=[3.0, 2.0, 1.0])
    made = loop(seed=5)
    progress, saved = run(made, stepper)
    lengths = [1 + i % 3 for i in TRAIN]
    planned = [sorted(batch) for epoch in range(2) for batch in batches(TRAIN, lengths, 4, 5, epoch)]
    assert stepper.steps == list(enumerate(planned)) and made.steps == STEPS
    assert stepper.factors == [rate_factor(step, STEPS, 0.03) for step in range(STEPS)]
    assert saved == [2] and progress.step == STEPS
    table = progress.table()
    assert table["epoch"].tolist() == [0, 0.5, 1, 1.5, 2] and table["held_out"].dropna().tolist() == [3, 2, 1]
    assert table["train"].tolist()[1:] == [4, 3, 2, 1]
    assert [line.split(";")[0] for line in capsys.readouterr().out.splitlines()] == [
        "epoch 1: loss 3.000, held out 2.000",
        "epoch 2: loss 1.000, held out 1.000",
    ]


def test_held_out_records_are_read_in_micro_batches_the_longest_first(loop):
    stepper = ScriptedStepper()
    run(loop(epochs=1), stepper)
    assert stepper.validated == [[[8, 7], [9]]] * 2


def test_nothing_held_out_is_never_validated(loop, capsys):
    stepper = ScriptedStepper()
    progress, _ = run(loop(held_out=()), stepper)
    assert stepper.validated == [] and progress.table()["held_out"].isna().all()
    assert "held out" not in capsys.readouterr().out


@pytest.mark.parametrize("done", [1, 2, 3])
def test_a_training_goes_on_where_it_was(done, loop):
    whole, rest = ScriptedStepper(), ScriptedStepper()
    run(loop(), whole)
    progress, saved = run(loop(), rest, Progress(step=done, losses=[{"step": done}]))
    assert rest.steps == whole.steps[done:] and progress.step == STEPS
    assert saved == ([2] if done < 2 else [])


def test_it_saves_every_so_many_steps_too_but_never_after_the_last(loop):
    assert run(loop(save_steps=1), ScriptedStepper())[1] == [1, 2, 3]
    assert run(loop(save_steps=3), ScriptedStepper())[1] == [2, 3]


def test_it_stops_once_the_held_out_loss_no_longer_falls(loop, caplog):
    stepper = ScriptedStepper(held_out=[3.0, 2.0, 2.5, 2.5, 1.0])
    progress, saved = run(loop(epochs=5, early_stopping=2), stepper)
    assert progress.step == 6 and progress.best_step == 2 and saved == [2, 4, 6]
    assert "stopped after step 6: the held-out loss no longer falls" in caplog.text


def test_a_step_that_diverges_names_its_records_and_ends_the_training(loop):
    progress = Progress()
    with pytest.raises(Diverged, match="training diverged in step 2: loss nan; .*records of the batch: record "):
        run(loop(), ScriptedStepper(fails_at=1), progress)
    assert progress.step == 1 and [row["step"] for row in progress.losses] == [0, 1]


def test_the_tracker_gets_every_loss_that_there_is(loop):
    class Kept:
        def __init__(self):
            self.rows = []

        def log(self, step, values):
            self.rows.append((step, dict(values)))

    kept = Kept()
    loop(epochs=1).run(ScriptedStepper(held_out=[3.0, 2.5]), Progress(), Path("final"), lambda: None, kept)
    assert [(step, row["train"], row.get("held_out")) for step, row in kept.rows] == [(1, 4.0, None), (2, 3.0, 2.5)]
    assert {name for _, row in kept.rows for name in row} == {"train", "held_out", "epoch", "learning_rate"}


def test_batches_carry_the_pictures_of_their_records(loop):
    *_, (epoch, ends, batch) = loop(epochs=1).batches(1)
    assert (epoch, ends) == (1.0, True)
    assert batch.pixel_values.shape[:2] == (len(batch), 3) and torch.isfinite(batch.pixel_values).all()


class PretendedRanks(Ranks):
    """One of several ranks, without the others."""

    def __init__(self, number, count):
        self.number, self.count = number, count


def test_ranks_take_parts_of_every_batch_and_rank_0_alone_prints(loop, capsys):
    """Of 3 or 4 examples and 3 that are held out, some of 5 ranks have none."""
    whole = ScriptedStepper()
    run(loop(), whole)
    capsys.readouterr()
    parts = [ScriptedStepper() for _ in range(5)]
    for number, stepper in enumerate(parts):
        progress, _ = run(loop(ranks=PretendedRanks(number, 5)), stepper)
        assert progress.step == STEPS and bool(capsys.readouterr().out) == (number == 0)
    for number, (_, examples) in enumerate(whole.steps):
        taken = [part.steps[number][1] for part in parts]
        assert sorted(sum(taken, [])) == examples and not all(taken)
    assert [part.validated[0] for part in parts] == [[[8]], [[7]], [[9]], [], []]
