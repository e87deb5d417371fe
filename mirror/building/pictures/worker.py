"""A worker of a build: holds describer, painter and verifier, and paints what it is given. Writes no file."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from mirror.building.casting import FaceTools, build_attributes, build_face_tools
from mirror.building.pictures.painted import Painted
from mirror.building.pictures.studio import answers
from mirror.building.settings import BuildSettings
from mirror.faces.description import DescriptionRequest
from mirror.faces.rejection_sampling import Exhaustion, FaceError, FaceRequest, FaceSearch, ShownFace
from mirror.faces.settings import face_files_missing
from mirror.models.device import device_name, resolve_device
from mirror.workers.worker import Loaded, ModelWorker, require_files


@dataclass(frozen=True)
class Report:
    """What a worker has done.

    Attributes:
        done: the results by the place of their requests.
        room: the number of further requests that it takes.
        warnings: that it has logged since the last report.
    """

    done: Mapping[int, Any]
    room: int
    warnings: tuple[str, ...]


class PictureWorker(ModelWorker):
    """Describes and paints what it is given."""

    def __init__(self, settings: BuildSettings) -> None:
        """Loads nothing."""
        super().__init__()
        self.settings = settings
        self.search: FaceSearch[int] | None = None

    def load(self) -> Loaded:
        """Loads the models.

        Raises:
            Exception: as `build`.
        """
        self.tools = self.in_thread(self.build)
        device = device_name(torch.device(resolve_device(self.settings.device)))
        return self.loaded(self.in_thread(self.tools.facts), device)

    def build(self) -> FaceTools:
        """Describer, painter and verifier.

        Raises:
            SettingsError: this machine lacks files of the models.
            FileNotFoundError, ValueError: as `build_face_tools`.
        """
        require_files(face_files_missing(self.settings))  # tables and portraits are for the driver
        return build_face_tools(self.settings, build_attributes(self.settings))

    def describe(self, requests: Mapping[int, DescriptionRequest]) -> Report:
        """Describes faces; an error stands in place of an answer that failed."""
        found = self.in_thread(lambda: answers(self.tools.describer, [*requests.values()]))
        sent = [_sent(one) if isinstance(one, Exception) else one for one in found]
        return self._report(dict(zip(requests, sent, strict=True)), self.settings.concurrency)

    def paint(self, requests: Mapping[int, FaceRequest], attempts: int, on_exhaustion: Exhaustion) -> Report:
        """Takes further requests, and paints one batch: of them, and of those that it has.

        Args:
            requests: by their place.
            attempts, on_exhaustion: the same at each call, see `FaceSearch`.
        """
        width = self.settings.paint_width
        members = (self.tools.painter, self.tools.verifier)
        search = self.search = self.search or FaceSearch(*members, attempts, on_exhaustion, ahead=1)

        def paint() -> dict[int, ShownFace | FaceError]:
            refused = {place: search.add(place, request) for place, request in requests.items()}
            painted = search.paint(width)
            known: dict[int, ShownFace | FaceError] = {place: error for place, error in refused.items() if error}
            return known | search.settle(leave=1 if painted else 0)

        done = {place: Painted.of(result) for place, result in self.in_thread(paint).items()}
        return self._report(done, max(width - search.load, 0))

    def _report(self, done: Mapping[int, Any], room: int) -> Report:
        return Report(done, room, self.warnings.collect())


def _sent(error: Exception) -> RuntimeError:
    """An error in a form that can be sent, whatever its class."""
    return RuntimeError(str(error) or repr(error))
