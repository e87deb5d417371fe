"""The training loop: all steps of all epochs, held-out loss, early stopping and intermediate checkpoints.

One optimizer step is `mirror.training.step`'s; what a checkpoint contains is up to the caller.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tqdm import tqdm

from mirror.models.families.vlm import Vlm
from mirror.progress_bar import progress_bar
from mirror.tracking import Tracker
from mirror.training.batch import Batch, overhead
from mirror.training.dataset import BatchLoader, TrainingSet, batches
from mirror.training.ranks import ALONE, Ranks
from mirror.training.ranks.shares import SharedPlan
from mirror.training.ranks.waits import Waits
from mirror.training.resume import Progress, diverged
from mirror.training.settings import TrainSettings
from mirror.training.step import Diverged, Stepper, packs, rate_factor

log = logging.getLogger(__name__)

MICRO_BATCH = 16  # a larger one is no faster on a GPU


class TrainingLoop:
    """Runs the steps of a training. The order of the batches depends on the seed alone, whatever the number of ranks.

    Attributes:
        waits: how the ranks' time was spent up to the last epoch's end; None for a single process.
    """

    def __init__(self, settings: TrainSettings, llava: Vlm, data: TrainingSet, ranks: Ranks = ALONE) -> None:
        """Take the inputs of a training; nothing is loaded yet.

        Args:
            settings: of the run.
            llava: for its image processor; the model to train is in the stepper.
            data: training and held-out records.
            ranks: that take the steps together, each with its part of every batch.
        """
        self.settings, self.llava, self.data, self.ranks = settings, llava, data, ranks
        self.waits: Waits | None = None

    @cached_property
    def plan(self) -> list[list[list[int]]]:
        """The batches of every epoch, as indices into the data."""
        train, s = self.data.train, self.settings
        lengths = self.data.lengths(train)
        return [batches(train, lengths, s.batch_size, s.seed, epoch) for epoch in range(s.epochs)]

    @cached_property
    def all_batches(self) -> list[list[int]]:
        """The batches of all epochs in order, one per optimizer step."""
        return [batch for epoch in self.plan for batch in epoch]

    @property
    def steps(self) -> int:
        """Optimizer steps of the whole training."""
        return len(self.all_batches)

    @property
    def micro_batch(self) -> int:
        """Examples of the greatest length that are computed together, to begin with."""
        return self.settings.micro_batch or min(self.settings.batch_size, MICRO_BATCH)

    def run(
        self,
        stepper: Stepper,
        progress: Progress,
        checkpoint: Path,
        save: Callable[[], None],
        tracker: Tracker | None = None,
    ) -> None:
        """Take the steps from `progress.step` to the end, with a progress bar that counts examples.

        Args:
            stepper: holds model and optimizer.
            progress: updated after every step.
            checkpoint: the final one, to name its intermediate checkpoints in an error.
            save: writes an intermediate checkpoint of the current progress; called after every epoch and every
                `save_steps` steps, but not after the last step.
            tracker: gets the row of every step.

        Raises:
            Diverged: a loss or a gradient is not finite.
        """
        s = self.settings
        if not progress.losses:
            progress.losses.append({"step": 0, "epoch": 0.0, "held_out": self._held_out_loss(stepper)})
        begun = progress.step
        done = sum(map(len, self.all_batches[:begun]))
        with progress_bar("training", "examples", s.epochs * len(self.data.train), done) as bar:
            for epoch, ends_epoch, batch in self.batches(begun):
                if s.early_stopping and progress.epochs_since_best >= s.early_stopping:
                    log.warning("stopped after step %d: the held-out loss no longer falls", progress.step)
                    break
                row = self._step(stepper, progress, batch, epoch, ends_epoch, checkpoint)
                if progress.step == begun + 1:
                    self.ranks.forget_times()
                if ends_epoch:
                    self.waits = self.ranks.waits()
                    if self.ranks.is_first:
                        _print_epoch(row, bar, self.waits)
                if progress.step < self.steps and (ends_epoch or (s.save_steps and progress.step % s.save_steps == 0)):
                    save()
                if tracker:
                    tracker.log(progress.step, {k: v for k, v in row.items() if k != "step" and v is not None})
                bar.update(len(self.all_batches[progress.step - 1]))
                bar.set_postfix(step=f"{progress.step}/{self.steps}", loss=f"{row['train']:.3f}")

    def _step(
        self, stepper: Stepper, progress: Progress, batch: Batch, epoch: float, ends_epoch: bool, checkpoint: Path
    ) -> dict[str, Any]:
        """One optimizer step, and the held-out loss at the end of an epoch; returns the new row of the losses."""
        number = progress.step
        factor = rate_factor(number, self.steps, self.settings.warmup_ratio)
        row = {"step": number + 1, "epoch": epoch, "learning_rate": self.settings.learning_rate * factor}
        try:
            row["train"] = stepper.step(batch, number, factor)
            progress.step += 1
            progress.losses.append(row)
            if ends_epoch:
                progress.end_epoch(self._held_out_loss(stepper))
        except Diverged as error:
            names = [self.data.records[i].name for i in self.all_batches[number]]
            raise diverged(error, row, names, checkpoint) from None
        return row

    def batches(self, done: int) -> Iterator[tuple[float, bool, Batch]]:
        """Load the batches after the first `done`.

        Yields:
            Epochs passed after the batch (a fraction within an epoch), whether the batch ends an epoch, and this rank's
            part of the batch.
        """
        for epoch, plan in enumerate(self.plan):
            skipped = min(done, len(plan))
            done -= skipped
            loader = BatchLoader(self.data, self.llava, self._shared(plan[skipped:]))
            for number, batch in enumerate(loader.read(self.settings.workers), skipped + 1):
                yield epoch + number / len(plan), number == len(plan), batch

    def _shared(self, plan: Sequence[list[int]]) -> Sequence[list[int]]:
        """This rank's part of every batch, so that all ranks have about equal work."""
        if self.ranks.count == 1:
            return plan
        cost = None if packs(self.llava.model) else overhead(self.llava.model.device)
        lengths = self.data.lengths(range(len(self.data.tokens)))
        return SharedPlan(plan, lengths, self.ranks.number, self.ranks.count, self.micro_batch, cost)

    def _held_out_loss(self, stepper: Stepper) -> float | None:
        """Mean loss on the held-out dialogues, without dropout; None if there are none.

        The records are dealt to the ranks in order of length, the longest first.
        """
        if not self.data.held_out:
            return None
        order = sorted(self.data.held_out, key=lambda i: -len(self.data.tokens[i]))
        order = order[self.ranks.number :: self.ranks.count]
        plan = [order[i : i + stepper.micro_batch] for i in range(0, len(order), stepper.micro_batch)]
        return stepper.mean_loss(BatchLoader(self.data, self.llava, plan).read(self.settings.workers))


def _print_epoch(row: dict[str, Any], bar: tqdm[Any], waits: Waits | None) -> None:
    held_out = "" if row["held_out"] is None else f", held out {row['held_out']:.3f}"
    rate = bar.format_dict["rate"] or 0
    print(f"epoch {row['epoch']:.0f}: loss {row['train']:.3f}{held_out}; {rate:.2f} examples/s", flush=True)
    if waits:
        print(waits, flush=True)
