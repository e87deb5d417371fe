"""Fine-tunes a LLaVA on a training set: what `notebooks/train.ipynb` calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self, TypeAlias

import pandas as pd

from mirror.files.atomic import discard, write_text
from mirror.files.csv_file import csv_text
from mirror.files.digests import sha256
from mirror.files.image_file import open_picture
from mirror.files.listing import files
from mirror.files.lock import locked
from mirror.models.checkpoint import Manifest, intermediate_folder
from mirror.models.device import device_name
from mirror.models.families.vlm import Vlm, generate
from mirror.models.lora import LoraModel
from mirror.models.lora.adapter_weights import load_adapter_weights
from mirror.paths import display_path, input_path
from mirror.prompts import PromptSet
from mirror.provenance import versions
from mirror.run_folder import Run
from mirror.tracking import tracked
from mirror.training import dataset
from mirror.training.base_model.loading import load_base_model
from mirror.training.dataset import TrainingSet
from mirror.training.loop import TrainingLoop
from mirror.training.ranks import Ranks
from mirror.training.ranks.fitting import Fitting, final_checkpoint, load_data, new_lora
from mirror.training.ranks.launch import start_ranks
from mirror.training.records import Record
from mirror.training.records.derivation import check_fields
from mirror.training.records.faults import DataError, write_faults
from mirror.training.resume import LOSSES, Progress, forget_states, prune, refuse_other_training
from mirror.training.settings import TrainSettings

log = logging.getLogger(__name__)

FAULTS = "faults.csv"
FOLLOWER = "mirror.training.ranks.follower"
RankStarter: TypeAlias = Callable[[], AbstractContextManager[Ranks]]


@dataclass
class Training:
    """One fine-tuning run. Create it with `Training.open`; constructing one reads and changes nothing.

    Attributes:
        settings: of the run.
        run: the run's folder.
        checkpoint: folder of the final checkpoint.
        llava: the base model; `fit` adds the adapter to it.
        data: the checked and tokenized training set.
        prompts: the prompt templates found in the data.
        data_sha256: hash of the data file.
    """

    settings: TrainSettings
    run: Run
    checkpoint: Path
    llava: Vlm
    data: TrainingSet
    prompts: PromptSet
    data_sha256: str

    # Opening ----------------------------------------------------------------------------------------------------------

    @classmethod
    def open(cls, settings: TrainSettings) -> Self:
        """Check and load everything, then begin the run or resume it.

        Where the settings say `fresh`, an earlier run and its checkpoints are removed, but only after model and data
        were loaded without an error.

        Raises:
            RunConflict: the run's folder or the checkpoint belongs to another training.
            DataError: the training set has faults; they are also written to the run's `faults.csv`.
            FileNotFoundError: the base model was found neither locally nor on the Hub.
            ValueError: the base model is of another size than `size`, or the device lacks what the settings need.
            DoesNotFit: the training needs more memory than the GPU has.
            FolderInUse: another process works on the run or the checkpoint.
        """
        checkpoint = final_checkpoint(settings)
        data_sha256 = sha256(input_path(settings.data))
        if not settings.fresh:
            refuse_other_training(settings, checkpoint, data_sha256)
        run = Run(settings.run, settings.model_dump(), settings.MACHINE, settings.fresh, settings.defaults())
        llava = load_base_model(settings)
        data, prompts = _load_data(settings, llava, run)
        training = cls(settings, run, checkpoint, llava, data, prompts, data_sha256)
        training._begin()
        return training

    def _begin(self) -> None:
        """Begin the run's folder; with `fresh`, remove an earlier training, renaming its folders before deletion."""
        with locked(self.checkpoint, "training"):
            self.run.open()
            if self.settings.fresh:
                for folder in (self.checkpoint, self.checkpoint.with_name(f"{self.checkpoint.name}.steps")):
                    discard(folder)
        if self.data.faults:
            write_faults(self.run.folder / FAULTS, self.data.faults)
            log.warning("%d faults: their records are dropped, see %s", len(self.data.faults), FAULTS)
        write_text(self.run.folder / "data.csv", csv_text(self.summary(), index=True))

    # Tables -----------------------------------------------------------------------------------------------------------

    def summary(self) -> pd.DataFrame:
        """Sizes of the training set, one row per kind of record."""
        return dataset.summary(self.data)

    def lengths(self) -> pd.DataFrame:
        """Kind and tokens (with the image's) of every record, one row per record."""
        return dataset.lengths(self.data)

    def files(self) -> pd.DataFrame:
        """The files of the run and its checkpoint with their sizes, one row per file."""
        return pd.DataFrame(files(self.run.folder, self.checkpoint))

    # Answers of the model ---------------------------------------------------------------------------------------------

    @cached_property
    def shown_records(self) -> list[Record]:
        """`show` held-out records for reading."""
        return dataset.records_to_show(self.data, self.settings.show, self.settings.seed)

    def answers(self, records: Sequence[Record]) -> list[str]:
        """Greedy answers of the model in its current state to the first human turn of each record."""
        prompts = [record.turns[0][0] for record in records]
        images = [open_picture(record.image) for record in records]
        return generate(self.llava, prompts, images, self.settings.max_new_tokens)

    def compare(self, before: Sequence[str]) -> pd.DataFrame:
        """The shown records with the model's answers before training and now; also written to `replies.csv`.

        Args:
            before: the result of `answers(shown_records)` before `fit`.

        Returns:
            One row per record: id, kind, image, prompt, expected, before, after.
        """
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
    def loop(self) -> TrainingLoop:
        """The steps of this training."""
        return TrainingLoop(self.settings, self.llava, self.data)

    def fit(self, start: RankStarter | None = None) -> pd.DataFrame:
        """Train to the end and write the checkpoint.

        A stopped training resumes from its newest intermediate checkpoint and ends with the same weights as one that
        was never stopped. A finished training is not repeated: its checkpoint is loaded.

        Args:
            start: gives the ranks that train together, this process as rank 0; None starts those that the settings'
                `gpus` ask for on this machine.

        Returns:
            The losses in nats per answer token, one row per step; also written to `losses.csv`.

        Raises:
            RunConflict: the run's folder was taken by another run since `open`.
            FolderInUse: another process works on the run or the checkpoint.
            Diverged: a loss or a gradient is not finite.
            RankFailed: another rank failed or died.
            ValueError: the checkpoint to resume from is damaged.
        """
        with self.run.working("training"), locked(self.checkpoint, "training"):
            return self._fit_or_load(start or self._start_ranks)

    def _start_ranks(self) -> AbstractContextManager[Ranks]:
        device = str(self.llava.model.device)
        return start_ranks(self.settings.gpus, device, FOLLOWER, self.settings.model_dump())

    def _fit_or_load(self, start: RankStarter) -> pd.DataFrame:
        model = new_lora(self.settings, self.llava)
        if self.checkpoint.exists():
            log.warning("%s is trained already; to train again: -p fresh True", display_path(self.checkpoint))
            load_adapter_weights(model, self.checkpoint)
            forget_states(self.checkpoint)  # a kill may have left them
        else:
            device = device_name(self.llava.model.device)
            self.run.record("running", "ranks", device=device, data_sha256=self.data_sha256)
            try:
                with start() as ranks:
                    self._fit(model, ranks)
            except BaseException as error:  # also Ctrl-C: the record says why a run ended, and it can be resumed
                self.run.record("stopped", reason=f"{type(error).__name__}: {error}")
                raise
        losses = pd.read_csv(self.checkpoint / LOSSES)
        write_text(self.run.folder / LOSSES, csv_text(losses))
        self.run.record("complete", checkpoint=display_path(self.checkpoint), steps=len(losses) - 1)
        return losses

    def _fit(self, model: LoraModel, ranks: Ranks) -> None:
        s = self.settings
        fitting = Fitting(s, self.llava, self.data, model, ranks)
        fitting.begin(self.checkpoint, self.data_sha256)
        progress = fitting.progress

        def save() -> None:
            folder = intermediate_folder(self.checkpoint, progress.step)
            progress.save(folder, self.manifest(progress), model, self.llava, self.prompts, fitting.optimizer)
            prune(self.checkpoint, s.keep, spare=progress.best_step)

        with tracked(s.logging, self.run.folder, s.model_dump()) as tracker:
            fitting.run(self.checkpoint, save, tracker)
        if fitting.loop.waits:
            self.run.record("running", ranks=fitting.loop.waits.facts())
        if s.early_stopping and progress.best_step != progress.step:
            progress = replace(progress, step=progress.best_step)
            load_adapter_weights(model, intermediate_folder(self.checkpoint, progress.step))
            log.warning("the weights of step %d are kept: the best held-out loss", progress.step)
        progress.save(self.checkpoint, self.manifest(progress), model, self.llava, self.prompts)
        forget_states(self.checkpoint)

    def manifest(self, progress: Progress) -> Manifest:
        """The manifest of a checkpoint saved at this progress."""
        last = progress.losses[progress.step]  # one row per step, from 0
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
            steps=self.loop.steps,
            epoch=last["epoch"],
            losses={"train": last.get("train"), "held_out": last.get("held_out")},
            derived=list(self.data.derived),
        )


def _load_data(settings: TrainSettings, llava: Vlm, run: Run) -> tuple[TrainingSet, PromptSet]:
    """The training set and its prompts; the faults of a refused set are written into the run's folder."""
    try:
        data = load_data(settings, llava)
        prompts = dataset.find_prompts(data, settings.cot)
        check_fields(prompts, settings.cot, input_path(settings.data))
        return data, prompts
    except DataError as error:
        if not run.is_begun:
            run.open()
        write_faults(run.folder / FAULTS, error.faults)
        raise
