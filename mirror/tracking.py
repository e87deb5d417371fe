"""Keeps the numbers of a run with tensorboard, trackio or Weights & Biases, on this machine unless told otherwise.

Names and steps are the same with each: those of the columns of the run's own table, such as `train` of `losses.csv`.
"""

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

from mirror.paths import output_path

Logging = Literal["none", "tensorboard", "trackio", "wandb"]
PROJECT = "mirror"  # of trackio and Weights & Biases
# How a package is installed that is not there. trackio asks for an older Pillow, and works with this one.
INSTALL = {
    "tensorboard": "pip install --constraint constraints.txt tensorboard",
    "trackio": "pip install --no-deps trackio gradio-client orjson brotli",
    "wandb": "pip install --constraint constraints.txt --editable '.[wandb]'",
}


class Tracker(Protocol):
    """Takes the numbers of a run."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers by name, at a step that only grows."""

    def close(self) -> None:
        """Write what is not written yet."""


def tracking_obstacle(logging: Logging) -> str:
    """Why the numbers cannot be kept so, and what to do; empty if they can. Imports none of the packages."""
    if logging == "none" or find_spec(logging):
        return ""
    return f"logging {logging} needs the package {logging}, which is not installed; {INSTALL[logging]}"


@contextlib.contextmanager
def tracked(logging: Logging, folder: Path, settings: Mapping[str, Any]) -> Iterator[Tracker | None]:
    """Track a run within the block.

    Args:
        logging: by what; `none` gives None.
        folder: of the run, whose name the run gets. tensorboard and Weights & Biases write there, trackio, which
            compares runs in one place, into `results/trackio` (or `TRACKIO_DIR`). Weights & Biases is offline unless
            `WANDB_MODE` says otherwise.
        settings: of the run, shown beside its numbers.
    """
    if logging == "none":
        yield None
        return
    tracker = KINDS[logging](folder, settings)
    try:
        yield tracker
    finally:
        tracker.close()


class TensorBoard:
    """Writes tensorboard's event files."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Opens `folder/tensorboard`; the settings are in the run's folder already."""
        from torch.utils.tensorboard import SummaryWriter  # slow to import

        self._writer = SummaryWriter(str(folder / "tensorboard"))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers by name."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is not written yet."""
        self._writer.close()


class Trackio:
    """Writes trackio's database."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Begins the run, or goes on with it."""
        os.environ.setdefault("TRACKIO_DIR", str(output_path("results") / "trackio"))  # read when it is imported
        import trackio

        self._run = trackio.init(
            project=PROJECT,
            name=folder.name,
            config=dict(settings),
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers by name."""
        self._run.log(_finite(values), step=step)

    def close(self) -> None:
        """Write what is not written yet."""
        self._run.finish()


class WeightsAndBiases:
    """Writes a run of Weights & Biases, to be sent later by `wandb sync`."""

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        """Begins the run, or goes on with it."""
        import wandb

        folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project=PROJECT,
            name=folder.name,
            id=folder.name,
            resume="allow",
            dir=str(folder),
            config=dict(settings),
            mode=os.environ.get("WANDB_MODE", "offline"),
            settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take numbers by name."""
        self._run.log(_finite(values), step=step)

    def close(self) -> None:
        """Write what is not written yet."""
        self._run.finish()


KINDS: Mapping[str, type[TensorBoard] | type[Trackio] | type[WeightsAndBiases]] = {
    "tensorboard": TensorBoard,
    "trackio": Trackio,
    "wandb": WeightsAndBiases,
}


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    """The values that a JSON number can be."""
    return {name: value for name, value in values.items() if math.isfinite(value)}
