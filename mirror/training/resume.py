"""How far a training has come: saved with every intermediate checkpoint, and found again after a kill.

Knows nothing of data and takes no step.
"""

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
from mirror.models.checkpoint import Manifest, intermediate_folder, intermediates, remove_file, write_manifest, writing
from mirror.models.llava import Llava
from mirror.models.lora import PeftModel, load_weights, save_adapter
from mirror.paths import display_path
from mirror.prompts import PromptSet
from mirror.training.step import Diverged

log = logging.getLogger(__name__)

STATE = "training_state.pt"
LOSSES = "losses.csv"


@dataclass
class Progress:
    """Steps taken, losses so far (a row a step) and the best held-out loss with its step."""

    step: int = 0
    losses: list[dict[str, Any]] = field(default_factory=list)
    best_loss: float = float("inf")
    best_step: int = 0
    epochs_since_best: int = 0

    def table(self) -> pd.DataFrame:
        """The losses, a row a step; step 0 is before the training."""
        return pd.DataFrame(self.losses, columns=["step", "epoch", "learning_rate", "train", "held_out"])

    def save(
        self,
        folder: Path,
        manifest: Manifest,
        model: PeftModel,
        llava: Llava,
        prompts: PromptSet,
        optimizer: torch.optim.Optimizer | None = None,
    ) -> None:
        """Writes a checkpoint that loads by itself; with the optimizer, one that training can go on from."""
        with writing(folder) as partial:
            save_adapter(model, partial)
            llava.save_processor(partial)
            write_manifest(partial, manifest, prompts)
            write_text(partial / LOSSES, csv_text(self.table()))
            if optimizer:
                torch.save({"optimizer": optimizer.state_dict(), "progress": asdict(self)}, partial / STATE)


def resume(checkpoint: Path, model: PeftModel, optimizer: torch.optim.Optimizer) -> Progress:
    """The newest intermediate checkpoint, put into model and optimizer; a fresh start if there is none.

    Raises ValueError where it is damaged: remove it, and training goes on from the one before.
    """
    for folder in reversed(intermediates(checkpoint)):
        if (folder / STATE).is_file():
            require_intact(folder)
            state = torch.load(folder / STATE, map_location=model.device, weights_only=True)
            load_weights(model, folder)
            optimizer.load_state_dict(state["optimizer"])
            log.warning("training goes on after step %d, from %s", state["progress"]["step"], display_path(folder))
            return Progress(**state["progress"])
    return Progress()


def diverged(error: Diverged, row: Mapping[str, Any], records: Sequence[str], checkpoint: Path) -> Diverged:
    """The error of a step, with the step, its learning rate, the records of its batch, and the checkpoint that is left.

    Args:
        row: of the losses, with `step` and `learning_rate`.
        records: the names of the batch's records.
    """
    more = f" and {len(records) - 5} more" if len(records) > 5 else ""
    found = intermediates(checkpoint)
    left = f"the last sound checkpoint is {display_path(found[-1])}" if found else "no checkpoint was saved before"
    return Diverged(
        f"training diverged in step {row['step']}: {error}; learning rate {row['learning_rate']:.3g}; records of the "
        f"batch: {', '.join(records[:5])}{more}; {left}. Lower learning_rate, or set max_grad_norm"
    )


def prune(checkpoint: Path, keep: int, spare: int) -> None:
    """Removes all but the newest `keep` intermediate checkpoints (0: none) and the one of step `spare`."""
    for folder in intermediates(checkpoint)[:-keep] if keep else []:
        if folder != intermediate_folder(checkpoint, spare):
            discard(folder)


def forget_states(checkpoint: Path) -> None:
    """Drops what only resuming needs from the intermediate checkpoints of a training that is through."""
    for folder in intermediates(checkpoint):
        remove_file(folder, STATE)
