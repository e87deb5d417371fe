"""Progress of a training: saved with every intermediate checkpoint, and restored when the training resumes."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from mirror.files.atomic import discard, write_text
from mirror.files.csv_file import csv_text
from mirror.files.digests import require_intact
from mirror.models.checkpoint import (
    Manifest,
    intermediate_folder,
    intermediates,
    read_manifest,
    remove_file,
    write_manifest,
    writing,
)
from mirror.models.families.vlm import Vlm
from mirror.models.lora import LoraModel, save_adapter
from mirror.models.lora.adapter_weights import load_adapter_weights
from mirror.models.lora.model_card import write_card
from mirror.paths import display_path
from mirror.prompts import PromptSet
from mirror.run_folder import RunConflict, differences
from mirror.training.settings import TrainSettings
from mirror.training.step import Diverged

log = logging.getLogger(__name__)

STATE = "training_state.pt"
LOSSES = "losses.csv"


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        step: optimizer steps taken.
        losses: one row per step from 0, before the training, with the columns of `table`.
        best_loss: lowest held-out loss after an epoch, in nats per answer token.
        best_step: the step of that loss.
        epochs_since_best: epochs without a lower held-out loss.
    """

    step: int = 0
    losses: list[dict[str, Any]] = field(default_factory=list)
    best_loss: float = float("inf")
    best_step: int = 0
    epochs_since_best: int = 0

    def table(self) -> pd.DataFrame:
        """The losses, one row per step; step 0 is before the training."""
        return pd.DataFrame(self.losses, columns=["step", "epoch", "learning_rate", "train", "held_out"])

    def end_epoch(self, held_out: float | None) -> None:
        """Record the held-out loss after an epoch; None if nothing is held out."""
        self.losses[-1]["held_out"] = held_out
        if held_out is None or held_out >= self.best_loss:
            self.epochs_since_best += 1
        else:
            self.best_loss, self.best_step, self.epochs_since_best = held_out, self.step, 0

    def save(
        self,
        folder: Path,
        manifest: Manifest,
        model: LoraModel,
        llava: Vlm,
        prompts: PromptSet,
        optimizer: torch.optim.Optimizer | None = None,
    ) -> None:
        """Write a checkpoint that can be loaded by itself; with `optimizer`, training can also resume from it."""
        with writing(folder) as partial:
            save_adapter(model, partial)
            llava.save_processor(partial)
            write_manifest(partial, manifest, prompts)
            write_card(partial, manifest)
            write_text(partial / LOSSES, csv_text(self.table()))
            if optimizer:
                torch.save({"optimizer": optimizer.state_dict(), "progress": asdict(self)}, partial / STATE)


def refuse_other_training(settings: TrainSettings, checkpoint: Path, data_sha256: str) -> None:
    """Check that the final and intermediate checkpoints, if there are any, are of this training.

    Args:
        settings: of this training.
        checkpoint: the final checkpoint's folder.
        data_sha256: hash of the data file now.

    Raises:
        RunConflict: one was trained with other settings or on other data.
    """
    for folder in (checkpoint, *intermediates(checkpoint)):
        if not folder.exists():
            continue
        manifest = read_manifest(folder)
        differing = differences(manifest.settings, settings.model_dump(), settings.MACHINE, settings.defaults())
        if manifest.data_sha256 != data_sha256:
            differing.append(f"the content of {settings.data} has changed")
        if differing:
            raise RunConflict(
                f"{display_path(folder)} is of another training ({'; '.join(differing)}); "
                "give -p checkpoint_folder another folder, or start over with -p fresh True"
            )


def resume(checkpoint: Path, model: LoraModel, optimizer: torch.optim.Optimizer) -> Progress:
    """Load the newest intermediate checkpoint into model and optimizer.

    Args:
        checkpoint: the final checkpoint's folder, which names the intermediate ones.
        model: changed in place.
        optimizer: changed in place.

    Returns:
        The progress at that checkpoint; no progress if there is none.

    Raises:
        ValueError: the checkpoint is damaged. Once it is removed, training resumes from the one before.
    """
    for folder in reversed(intermediates(checkpoint)):
        if (folder / STATE).is_file():
            require_intact(folder)
            state = torch.load(folder / STATE, map_location=model.device, weights_only=True)
            load_adapter_weights(model, folder)
            optimizer.load_state_dict(state["optimizer"])
            log.warning("training resumes after step %d, from %s", state["progress"]["step"], display_path(folder))
            return Progress(**state["progress"])
    return Progress()


def diverged(error: Diverged, row: Mapping[str, Any], records: Sequence[str], checkpoint: Path) -> Diverged:
    """The error of a step, with its number, learning rate and records, and the last valid checkpoint.

    Args:
        error: of the step.
        row: of the losses, with `step` and `learning_rate`.
        records: names of the batch's records.
        checkpoint: the final checkpoint's folder, which names the intermediate ones.
    """
    more = f" and {len(records) - 5} more" if len(records) > 5 else ""
    found = intermediates(checkpoint)
    left = f"the last valid checkpoint is {display_path(found[-1])}" if found else "no checkpoint was saved before"
    return Diverged(
        f"training diverged in step {row['step']}: {error}; learning rate {row['learning_rate']:.3g}; records of the "
        f"batch: {', '.join(records[:5])}{more}; {left}; lower learning_rate, or set max_grad_norm"
    )


def prune(checkpoint: Path, keep: int, spare: int) -> None:
    """Remove all intermediate checkpoints but the newest `keep` and the one of step `spare`; `keep` 0 removes none."""
    for folder in intermediates(checkpoint)[:-keep] if keep else []:
        if folder != intermediate_folder(checkpoint, spare):
            discard(folder)


def forget_states(checkpoint: Path) -> None:
    """Remove the files that only resuming needs from the intermediate checkpoints of a finished training."""
    for folder in intermediates(checkpoint):
        remove_file(folder, STATE)
