"""The parameters of `notebooks/pocket.ipynb`; what each means stands there, beside its default."""

from typing import Literal

from mirror.paths import output_path
from mirror.settings.base import Device, Number, RunName, Settings, missing_device
from pocket.painter.pack import FULL, SMALL, PainterBudget


class PocketSettings(Settings):
    """How much the pocket painter and its filters learn, and where their folders go."""

    work: Literal["small", "full"]
    device: Device
    folder: str
    seed: Number
    run: RunName

    @property
    def budget(self) -> PainterBudget:
        return FULL if self.work == "full" else SMALL

    @property
    def models(self):
        """The folder that the models are written to."""
        return output_path(self.folder or f"results/{self.run}/models")

    def conflicts(self) -> list[str]:
        if self.folder and self.work == "small":
            return [f"work is small, which learns next to nothing, and would replace {self.folder}; leave folder empty"]
        return []

    def missing(self) -> list[str]:
        return missing_device(self.device)
