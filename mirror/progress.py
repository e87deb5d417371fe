"""How far a training has come: saved with every intermediate checkpoint, and found again after a kill.

Knows nothing of data and takes no step.
"""

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from mirror.checkpoint import Manifest, intermediate_folder, intermediates, write_manifest, writing
from mirror.csv_file import csv_text
from mirror.llava import Llava
from mirror.lora import PeftModel, load_weights, save_adapter
from mirror.prompts import PromptSet
from mirror.run import discard, display_path, write_text

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
    """The newest intermediate checkpoint, put into model and optimizer; a fresh start if there is none."""
    for folder in reversed(intermediates(checkpoint)):
        if (folder / STATE).is_file():
            state = torch.load(folder / STATE, map_location=model.device, weights_only=True)
            load_weights(model, folder)
            optimizer.load_state_dict(state["optimizer"])
            log.warning("training goes on after step %d, from %s", state["progress"]["step"], display_path(folder))
            return Progress(**state["progress"])
    return Progress()


def prune(checkpoint: Path, keep: int, spare: int) -> None:
    """Removes all but the newest `keep` intermediate checkpoints (0: none) and the one of step `spare`."""
    for folder in intermediates(checkpoint)[:-keep] if keep else []:
        if folder != intermediate_folder(checkpoint, spare):
            discard(folder)


def forget_states(checkpoint: Path) -> None:
    """Drops what only resuming needs from the intermediate checkpoints of a training that is through."""
    for folder in intermediates(checkpoint):
        (folder / STATE).unlink(missing_ok=True)
