"""Workers of a build without models: they paint at once, and may die, refuse to load, or have other models."""

import os
import signal
from pathlib import Path

from mirror.building.casting import FaceTools
from mirror.building.pictures.worker import PictureWorker
from mirror.faces.description import LocalDescriber
from tests.painted_dialogues import Describer, Painter, Verifier


class BatchDescriber(LocalDescriber):
    """Counts as one that runs in this process."""

    def __init__(self, fails=()):
        self.fast = Describer(fails)

    def describe(self, requests):
        return self.fast.describe(requests)

    def facts(self):
        return self.fast.facts()


class DyingPainter(Painter):
    """Kills its process at the batches with these numbers, of all that are painted with the same folder."""

    def __init__(self, folder: Path, deaths: tuple[int, ...]) -> None:
        super().__init__()
        self.folder, self.deaths = folder, deaths

    def paint(self, requests):
        number = 0
        while True:
            try:
                (self.folder / str(number)).open("x").close()
                break
            except FileExistsError:
                number += 1
        if number in self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().paint(requests)


class FastWorker(PictureWorker):
    """Paints in no time."""

    def __init__(self, settings, folder: str = "", deaths: tuple[int, ...] = (), missing: str = "") -> None:
        super().__init__(settings)
        self.folder, self.deaths, self.missing = folder, deaths, missing

    def build(self) -> FaceTools:
        if self.missing:
            raise FileNotFoundError(f"no such adapter {self.missing}")
        painter = DyingPainter(Path(self.folder), self.deaths) if self.folder else Painter()
        return FaceTools(BatchDescriber(), painter, Verifier())
