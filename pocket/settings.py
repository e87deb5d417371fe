"""The parameters of `notebooks/pocket.ipynb`, which documents each beside its default."""

from pathlib import Path
from typing import Literal

from mirror.paths import output_path
from mirror.settings.base import Device, Number, RunName, Settings, missing_device
from pocket.painter.pack import FULL, SMALL, PainterBudget


class PocketSettings(Settings):
    """How much the pocket painter and its filters are trained, and where their folders are written."""

    work: Literal["small", "full"]
    device: Device
    folder: str
    seed: Number
    run: RunName

    @property
    def budget(self) -> PainterBudget:
        """The amounts that `work` names."""
        return FULL if self.work == "full" else SMALL

    @property
    def models(self) -> Path:
        """The folder that the models are written to."""
        return output_path(self.folder or f"results/{self.run}/models")

    def conflicts(self) -> list[str]:
        """Refuses to replace named models with hardly trained ones."""
        if self.folder and self.work == "small":
            return [
                f"work is small, which trains for a few steps only, but folder is {self.folder}: its models would be "
                "overwritten; leave folder empty, or set work to full"
            ]
        return []

    def missing(self) -> list[str]:
        """Reports a device that this machine does not have."""
        return missing_device(self.device)
