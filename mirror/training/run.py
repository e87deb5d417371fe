"""Fine-tunes a LLaVA on a training set: epochs, held-out loss, checkpoints, and going on after a kill.

Knows nothing of notebooks; one optimizer step is `mirror.training.step`'s business.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

from mirror.files.atomic import discard, write_text
from mirror.files.csv_file import csv_text
from mirror.files.digests import sha256
from mirror.files.image_file import open_picture
from mirror.files.lock import locked
from mirror.models import llava as llava_module
from mirror.models.checkpoint import Manifest, checkpoint_name, intermediate_folder, intermediates, read_manifest
from mirror.models.device import device_name
from mirror.models.lora import PeftModel, add_lora, load_weights
from mirror.paths import display_path, input_path, output_path
from mirror.progress_bar import progress_bar
from mirror.prompts import PromptSet
from mirror.provenance import versions
from mirror.run_folder import Run, RunConflict, differences
from mirror.seeds import seed_for
from mirror.training.dataset import (
    BatchLoader,
    TrainingSet,
    batches,
    find_prompts,
    load_training_set,
    records_to_show,
    summary,
)
from mirror.training.derivation import check_fields
from mirror.training.float8 import float8_obstacle, freeze_in_float8
from mirror.training.records import DataError, Record, write_faults
from mirror.training.resume import LOSSES, Progress, diverged, forget_states, prune, resume
from mirror.training.settings import TrainSettings
from mirror.training.step import Batch, Diverged, Stepper, compile_layers, compile_obstacle, make_optimizer, rate_factor

log = logging.getLogger(__name__)

FAULTS = "faults.csv"
MICRO_BATCH = 16  # a larger one gains nothing on a GPU


class Training:
    """One fine-tuning run: its folder, base model, data and prompt templates. Making one trains nothing."""

    def __init__(self, settings: TrainSettings) -> None:
        """Opens the run's folder, loads model and data.

        Raises RunConflict where the folder or the checkpoint belongs to another training, DataError on a faulty set.
        """
        self.settings = settings
        name = checkpoint_name(settings.size, settings.cot, settings.epochs)
        self.checkpoint = output_path(settings.checkpoint_folder) / name
        self.data_sha256 = sha256(input_path(settings.data))
        if not settings.fresh:
            self._refuse_other_training()
        self.run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh)
        self.llava = self._load_model()
        self.data, self.prompts = self._load_data()
        self._open()
        if self.data.faults:
            write_faults(self.run.folder / FAULTS, self.data.faults)
            log.warning("%d faults: their records are dropped, see %s", len(self.data.faults), FAULTS)
        write_text(self.run.folder / "data.csv", csv_text(summary(self.data), index=True))

    def _open(self) -> None:
        """Begins or goes on, once model and data are sound; `fresh` sets aside what an earlier training left."""
        with locked(self.checkpoint, "training"):
            self.run.open()
            if self.settings.fresh:
                for folder in (self.checkpoint, self.checkpoint.with_name(f"{self.checkpoint.name}.steps")):
                    discard(folder)

    def _refuse_other_training(self) -> None:
        mine = self.settings.model_dump()
        for folder in (self.checkpoint, *intermediates(self.checkpoint)):
            if not folder.exists():
                continue
            manifest = read_manifest(folder)
            differing = differences(manifest.settings, mine, self.settings.MACHINE)
            if manifest.data_sha256 != self.data_sha256:
                differing.append(f"the content of {self.settings.data} has changed")
            if differing:
                raise RunConflict(
                    f"{display_path(folder)} is of another training ({'; '.join(differing)}); "
                    "give -p checkpoint_folder another folder, or start over with -p fresh True"
                )

    def _load_model(self) -> llava_module.Llava:
        s = self.settings
        device = ("cuda" if torch.cuda.is_available() else "cpu") if s.device == "auto" else s.device
        is_half = s.precision == "bf16" or (s.precision == "auto" and device != "cpu")
        if s.float8 and (obstacle := float8_obstacle(torch.device(device))):
            raise ValueError(f"float8 cannot be used here: {obstacle}; set it false")
        folder = input_path(s.base_model)
        base_model = str(folder) if folder.is_dir() else s.base_model
        llava_module.check_size(base_model, s.revision, s.size)
        dtype = torch.bfloat16 if is_half else torch.float32
        return llava_module.load(base_model, s.revision, s.vision_tower, dtype, device)

    def _load_data(self) -> tuple[TrainingSet, PromptSet]:
        s, file = self.settings, input_path(self.settings.data)
        options = (s.max_length, s.held_out, s.on_fault, s.seed, s.cot)
        try:
            data = load_training_set(file, input_path(s.image_folder), self.llava, *options)
            prompts = find_prompts(data, s.cot)
            check_fields(prompts, s.cot, file)
            return data, prompts
        except DataError as error:
            if not self.run.is_begun:
                self.run.open()
            write_faults(self.run.folder / FAULTS, error.faults)
            raise

    # What the model says ----------------------------------------------------------------------------------------------

    @cached_property
    def shown_records(self) -> list[Record]:
        """`show` held-out records for reading."""
        return records_to_show(self.data, self.settings.show, self.settings.seed)

    def answers(self, records: Sequence[Record]) -> list[str]:
        """What the model, as it is now, answers to the first human turn of each record (greedy)."""
        prompts = [record.turns[0][0] for record in records]
        images = [open_picture(record.image) for record in records]
        return llava_module.generate(self.llava, prompts, images, self.settings.max_new_tokens)

    def compare(self, before: Sequence[str]) -> pd.DataFrame:
        """The shown records with the answers `before` and now, a row a record; also written to `replies.csv`."""
        rows = [
            {
                "id": record.id,
                "kind": record.kind,
                "image": str(record.image),
                "prompt": record.turns[0][0],
                "expected": record.turns[0][1],
                "before": old,
                "after": new,
            }
            for record, old, new in zip(self.shown_records, before, self.answers(self.shown_records), strict=True)
        ]
        table = pd.DataFrame(rows)
        write_text(self.run.folder / "replies.csv", csv_text(table))
        return table

    # Training ---------------------------------------------------------------------------------------------------------

    @cached_property
    def plan(self) -> list[list[list[int]]]:
        """The batches of every epoch, as indices into the data; settled by the seed alone."""
        train, s = self.data.train, self.settings
        lengths = self.data.lengths(train)
        return [batches(train, lengths, s.batch_size, s.seed, epoch) for epoch in range(s.epochs)]

    def fit(self) -> pd.DataFrame:
        """Trains to the end and writes the checkpoint; returns the losses (nats per answer token), a row a step.

        Goes on from the newest intermediate checkpoint, if there is one, and ends with the weights of an unbroken
        run. A training that is through is not repeated: its checkpoint is loaded.
        """
        with self.run.working("training"), locked(self.checkpoint, "training"):
            return self._fit_or_load()

    def _fit_or_load(self) -> pd.DataFrame:
        s = self.settings
        model = add_lora(self.llava.model, s.lora_rank, s.lora_alpha, s.lora_dropout, seed_for("lora", s.seed))
        if self.checkpoint.exists():
            log.warning("%s is trained already; -p fresh True trains anew", display_path(self.checkpoint))
            load_weights(model, self.checkpoint)
            forget_states(self.checkpoint)
        else:
            self.run.record("running", device=device_name(self.llava.model.device), data_sha256=self.data_sha256)
            try:
                self._fit(model)
            except BaseException as error:  # Ctrl-C too: the record says why a run ended, and it can go on
                self.run.record("stopped", reason=f"{type(error).__name__}: {error}")
                raise
        losses = pd.read_csv(self.checkpoint / LOSSES)
        write_text(self.run.folder / LOSSES, csv_text(losses))
        self.run.record("complete", checkpoint=display_path(self.checkpoint), steps=len(losses) - 1)
        return losses

    def _fit(self, model: PeftModel) -> None:
        s = self.settings
        if s.float8:
            freeze_in_float8(model)
        optimizer = make_optimizer(model, s.learning_rate, s.projector_learning_rate, s.weight_decay)
        if s.compile and (obstacle := compile_obstacle(self.llava.model.device)):
            log.warning("layers are not compiled: %s; training is slower, its numbers are the same", obstacle)
        elif s.compile:
            compile_layers(model, s.activation_budget)
        progress = resume(self.checkpoint, model, optimizer)
        self._train(model, optimizer, progress)
        if s.early_stopping and progress.best_step != progress.step:
            progress = replace(progress, step=progress.best_step)
            load_weights(model, intermediate_folder(self.checkpoint, progress.step))
            log.warning("the weights of step %d are kept: the best held-out loss", progress.step)
        progress.save(self.checkpoint, self.manifest(progress), model, self.llava, self.prompts)
        forget_states(self.checkpoint)

    def _train(self, model: PeftModel, optimizer: torch.optim.Optimizer, progress: Progress) -> None:
        """The steps from where `progress` stands to the end, with a bar that counts examples."""
        s = self.settings
        micro_batch = s.micro_batch or min(s.batch_size, MICRO_BATCH)
        stepper = Stepper(model, optimizer, micro_batch, s.activation_checkpointing, s.max_grad_norm, s.seed)
        steps = sum(map(len, self.plan))
        if not progress.losses:
            progress.losses.append({"step": 0, "epoch": 0.0, "held_out": self._held_out_loss(stepper)})
        done = sum(map(len, [batch for plan in self.plan for batch in plan][: progress.step]))
        bar = progress_bar("training", "examples", s.epochs * len(self.data.train), done)
        board = _tensorboard(self.run.folder) if s.logging == "tensorboard" else None
        for epoch, ends_epoch, batch in self._batches(progress.step):
            if s.early_stopping and progress.epochs_since_best >= s.early_stopping:
                log.warning("stopped after step %d: the held-out loss falls no more", progress.step)
                break
            factor = rate_factor(progress.step, steps, s.warmup_ratio)
            row = {"step": progress.step + 1, "epoch": epoch, "learning_rate": s.learning_rate * factor}
            try:
                row["train"] = stepper.step(batch, progress.step, factor)
                progress.step += 1
                progress.losses.append(row)
                if ends_epoch:
                    self._end_epoch(stepper, progress)
            except Diverged as error:
                names = [self.data.records[i].name for i in [b for plan in self.plan for b in plan][row["step"] - 1]]
                raise diverged(error, row, names, self.checkpoint) from None
            if ends_epoch:
                _say_epoch(row, bar)
            if progress.step < steps and (ends_epoch or (s.save_steps and progress.step % s.save_steps == 0)):
                folder = intermediate_folder(self.checkpoint, progress.step)
                progress.save(folder, self.manifest(progress), model, self.llava, self.prompts, optimizer)
                prune(self.checkpoint, s.keep, spare=progress.best_step)
            if board:
                for name, value in row.items():
                    if name != "step" and value is not None:
                        board.add_scalar(name, value, progress.step)
            bar.update(len(batch))
            bar.set_postfix(loss=f"{row['train']:.3f}")
        bar.close()

    def _batches(self, done: int) -> Iterator[tuple[float, bool, Batch]]:
        """The batches after the first `done`: (epochs passed once it is trained on, whether it ends one, the batch)."""
        for epoch, plan in enumerate(self.plan):
            skipped = min(done, len(plan))
            done -= skipped
            loader = BatchLoader(self.data, self.llava, plan[skipped:])
            for number, batch in enumerate(loader.read(self.settings.workers), skipped + 1):
                yield epoch + number / len(plan), number == len(plan), batch

    def _end_epoch(self, stepper: Stepper, progress: Progress) -> None:
        loss = progress.losses[-1]["held_out"] = self._held_out_loss(stepper)
        if loss is None or loss >= progress.best_loss:
            progress.epochs_since_best += 1
        else:
            progress.best_loss, progress.best_step, progress.epochs_since_best = loss, progress.step, 0

    def _held_out_loss(self, stepper: Stepper) -> float | None:
        """Mean loss on the held-out dialogues, without dropout; None where none is held out."""
        if not self.data.held_out:
            return None
        order = sorted(self.data.held_out, key=lambda i: -len(self.data.tokens[i]))
        plan = [order[i : i + stepper.micro_batch] for i in range(0, len(order), stepper.micro_batch)]
        return stepper.mean_loss(BatchLoader(self.data, self.llava, plan).read(self.settings.workers))

    def manifest(self, progress: Progress) -> Manifest:
        """What a checkpoint saved now is."""
        last = progress.losses[progress.step]  # a row a step, from 0
        return Manifest(
            size=self.settings.size,
            cot=self.settings.cot,
            base_model=self.settings.base_model,
            revision=self.llava.revision,
            vision_tower=self.settings.vision_tower,
            data=self.settings.data,
            data_sha256=self.data_sha256,
            settings=self.settings.model_dump(),
            versions=versions(),
            step=progress.step,
            steps=sum(map(len, self.plan)),
            epoch=last["epoch"],
            losses={"train": last.get("train"), "held_out": last.get("held_out")},
            derived=list(self.data.derived),
        )


def _say_epoch(row: dict[str, Any], bar: tqdm) -> None:
    held_out = "" if row["held_out"] is None else f", held out {row['held_out']:.3f}"
    rate = bar.format_dict["rate"] or 0
    print(f"epoch {row['epoch']:.0f}: loss {row['train']:.3f}{held_out}; {rate:.2f} examples a second", flush=True)


def _tensorboard(folder: Path):
    from torch.utils.tensorboard import SummaryWriter  # optional: installed with the extra `tensorboard`

    return SummaryWriter(str(folder / "tensorboard"))
