"""Workers of a build without models: they paint at once, and may lack a file."""

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


class FastWorker(PictureWorker):
    """Paints in no time."""

    def __init__(self, settings, missing: str = "") -> None:
        super().__init__(settings)
        self.missing = missing

    def build(self) -> FaceTools:
        if self.missing:
            raise FileNotFoundError(f"no such adapter {self.missing}")
        return FaceTools(BatchDescriber(), Painter(), Verifier())
