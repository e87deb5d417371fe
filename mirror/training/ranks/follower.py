"""A rank other than rank 0: loads model and data by itself, takes its part of every step, and writes nothing."""

import logging
from typing import Any

from mirror.files.digests import sha256
from mirror.paths import input_path
from mirror.training.base_model.loading import load_base_model
from mirror.training.ranks import Ranks
from mirror.training.ranks.fitting import Fitting, final_checkpoint, load_data, new_lora
from mirror.training.ranks.launch import follow
from mirror.training.settings import TrainSettings


def train(ranks: Ranks, settings: TrainSettings) -> None:
    """Train together with rank 0, to the end.

    Args:
        ranks: not yet connected.
        settings: of the run, with the device of this rank.
    """
    logging.getLogger("mirror").setLevel(logging.ERROR)  # rank 0 says it
    llava = load_base_model(settings)
    data = load_data(settings, llava)
    fitting = Fitting(settings, llava, data, new_lora(settings, llava), ranks)
    checkpoint = final_checkpoint(settings)
    fitting.begin(checkpoint, sha256(input_path(settings.data)))
    fitting.run(checkpoint, save=lambda: None)


def _train(ranks: Ranks, device: str, values: dict[str, Any]) -> None:
    settings = TrainSettings.checked(values, f"rank {ranks.number}", check_files=False)
    train(ranks, settings.model_copy(update={"device": device}))


if __name__ == "__main__":
    follow(_train)
