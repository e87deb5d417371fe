"""The parameters of a comparison of painters: those that all share, and those in which each painter differs."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from mirror.clients.lexicon import lexicon
from mirror.faces.schedule import Scheduler, Spacing, schedule_faults
from mirror.faces.settings import face_faults, face_files_missing, missing_gpu_of_faces
from mirror.painting.presets import PRESETS
from mirror.paths import input_path
from mirror.settings.base import Count, Device, Number, RunName, Settings, Share
from mirror.settings.errors import SettingsError
from mirror.transcripts.profile import folder_key, is_folder_name

Cosine = Annotated[float, Field(ge=-1, le=1)]
ByName = Annotated[
    dict[str, Any], Field(min_length=1, description="painters by name, each with the parameters in which it differs")
]


class PainterSettings(Settings):
    """The parameters in which painters may differ; see `notebooks/counsel.ipynb`."""

    painter: str
    painter_revision: str
    adapter: str
    distilled: str
    scheduler: Scheduler
    spacing: Spacing
    steps: Count
    guidance_scale: Annotated[float, Field(ge=0)]
    merge_step: Annotated[int, Field(ge=-1)]
    merge_at: Share | None
    image_size: Annotated[int, Field(ge=8, multiple_of=8)]
    compile: Literal["none", "blocks", "whole"]
    paint_batch: Count

    def conflicts(self) -> list[str]:
        """See `Settings.conflicts`."""
        return schedule_faults(self.scheduler, self.spacing, self.steps, self.guidance_scale)

    def painter_values(self) -> dict[str, Any]:
        """The parameters of this class by name."""
        return {name: getattr(self, name) for name in PainterSettings.model_fields}


class PaintSettings(PainterSettings):
    """The parameters of `notebooks/paint.ipynb`; the notebook documents each beside its default.

    They are `mirror.faces.settings.FaceSettings`, and `of` gives those by which one of the painters paints.
    """

    MACHINE = frozenset({"fresh"})  # device, compile and paint_batch change the times that are compared
    # The rest of `FaceSettings`. The lexicon describes, so that every painter is asked for the same face, and the
    # filters run in this process: a service's time would be measured as the painter's.
    describer: ClassVar[str] = "lexicon"
    describer_model: ClassVar[str] = ""
    describer_url: ClassVar[str] = ""
    describer_temperature: ClassVar[float] = 0.0
    describer_top_p: ClassVar[float] = 1.0
    describer_max_tokens: ClassVar[int] = 1
    verifier: ClassVar[str] = "local"
    concurrency: ClassVar[int] = 1

    preset: Literal["published", "pocket"]
    painters: ByName
    table: str
    portraits: str
    clients: Number
    expressions: str
    face_size: Annotated[int, Field(ge=8)]
    safety_model: str
    relevance_model: str
    face_pack: str
    relevance_threshold: Cosine | None
    identity_threshold: Cosine | None
    attempts: Count
    enough: Share
    identity_margin: Annotated[float, Field(ge=0, le=2)]
    most_strangers: Share
    level: Annotated[float, Field(gt=0, lt=1)]
    seed: Number
    device: Device
    precision: Literal["auto", "bf16", "float32"]
    run: RunName
    fresh: bool

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in parameters that are None from the preset."""
        preset = values.get("preset")
        if not isinstance(preset, str) or preset not in PRESETS:
            return {"preset": preset}  # the defaults of the other parameters depend on it
        defaults = PRESETS[preset] | {"run": f"paint-{preset}"}
        return {name: defaults.get(name) if value is None else value for name, value in values.items()}

    def of(self, name: str) -> Self:
        """The settings by which the painter `name` paints."""
        return self.model_copy(update=self._overrides(name))

    def _overrides(self, name: str) -> dict[str, Any]:
        found = self.painters[name]
        return found if isinstance(found, dict) else {}

    @property
    def cues(self) -> tuple[str, ...]:
        """What the faces show: names of expressions, or cues that the lexicon reads."""
        return tuple(cue for part in self.expressions.split(",") if (cue := " ".join(part.split())))

    def conflicts(self) -> list[str]:
        """See `Settings.conflicts`."""
        faults = [*face_faults(self), *self._expression_faults()]
        for number, name in enumerate(self.painters):
            faults += self._painter_faults(name)
            before = {folder_key(other): other for other in list(self.painters)[:number]}
            if other := before.get(folder_key(name)):
                faults.append(f"painters: {name} and {other} name the same folder; give each its own name")
        return faults or list(self._equal_painters())

    def _painter_faults(self, name: str) -> list[str]:
        where = f"painters: {name}:"
        if not is_folder_name(name):
            return [f"{where} the name must be at most 60 letters, digits, . _ - and inner spaces, found {name!r:.80}"]
        if not isinstance(self.painters[name], dict):
            return [f"{where} must give parameters by name, found {self.painters[name]!r:.80}; {{}} changes none"]
        try:
            PainterSettings.checked(self.painter_values() | self._overrides(name), where, check_files=False)
        except SettingsError as error:
            return str(error).replace("\nunknown", f"\n{where} unknown").splitlines()
        return []

    def _equal_painters(self) -> Iterator[str]:
        """Two painters with the same parameters."""
        seen: dict[tuple[Any, ...], str] = {}
        for name in self.painters:
            values = tuple(self.of(name).painter_values().values())
            if (first := seen.setdefault(values, name)) != name:
                yield f"painters: {name} paints exactly as {first} does; change a parameter, or leave one out"

    def _expression_faults(self) -> Iterator[str]:
        if not self.cues:
            yield "expressions must name what faces show, such as sad, found nothing; null: twelve that are frequent"
        for place, cue in enumerate(self.cues):
            if file_name(cue) in map(file_name, self.cues[:place]):
                yield f"expressions: {cue} is there twice; name it once"
            elif lexicon().face(cue) is None:
                names = ", ".join(lexicon().entries)
                yield f"expressions: no word of {cue!r:.80} is in the lexicon; its expressions are {names}"

    def missing(self) -> list[str]:
        """See `Settings.missing`."""
        faults = []
        if not input_path(self.table).is_file():
            faults.append(f"table: no such file {input_path(self.table)}; the table (CSV) has one client per row")
        if not input_path(self.portraits).is_dir():
            faults.append(
                f"portraits: no such folder {input_path(self.portraits)}; the table's img_path are relative to it"
            )
        painters = [self.of(name) for name in self.painters]
        own = [fault for one in painters for fault in face_files_missing(one)]
        gpu = next(filter(None, map(missing_gpu_of_faces, painters)), [])
        return [*faults, *dict.fromkeys(own), *gpu]


def file_name(cue: str) -> str:
    """The part of a file's name that stands for a cue."""
    return re.sub(r"\W+", "-", cue).strip("-")[:60]
