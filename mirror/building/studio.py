"""Opens the studio of a build: the models of this process, or those of several workers."""

from collections.abc import Callable

from mirror.building.casting import FaceTools
from mirror.building.pictures import OwnStudio, Studio
from mirror.building.settings import BuildSettings


def open_studio(settings: BuildSettings, tools: Callable[[], FaceTools], dialogues: int) -> Studio:
    """As the settings say; workers are not more than the dialogues. Close it once the pictures are painted.

    Raises:
        ClusterError, RunConflict, WorkersDie, Exception: as `PictureCrew`.
    """
    if settings.workers == 1:
        return OwnStudio(*tools(), settings.paint_width, settings.concurrency)
    from mirror.building.pictures.crew import PictureCrew  # starts Ray, which a build of one worker does without

    return PictureCrew(settings, min(settings.workers, max(dialogues, 1)))
