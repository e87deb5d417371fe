"""The parameters of building a training set, and the defaults of each preset."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from mirror.building.portraits.rows import FIELDS
from mirror.building.presets import PRESETS
from mirror.building.screenplays.acceptance import parse_rule
from mirror.building.screenplays.columns import parse_columns
from mirror.building.screenplays.filters import TextRules
from mirror.building.screenplays.parts_of_speech import load_tagger
from mirror.building.screenplays.writing import parse_kinds
from mirror.building.training_set.options import RecordOptions, read_prompt_sets
from mirror.chat.prices import price_faults
from mirror.chat.roles import endpoints_missing, models_of_roles, unnamed_models
from mirror.faces.schedule import Scheduler, Spacing
from mirror.faces.settings import face_faults, face_files_missing, http_services, missing_gpu_of_faces
from mirror.paths import input_path, output_path
from mirror.settings.base import Count, Device, Number, RayAddress, RunName, Settings, Share, missing_folder
from mirror.workers.faults import ray_missing, worker_faults

Temperature = Annotated[float, Field(ge=0)]
TopP = Annotated[float, Field(gt=0, le=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
Stage = Literal["estimate", "texts", "portraits", "pictures", "set"]
STAGES: tuple[Stage, ...] = ("estimate", "texts", "portraits", "pictures", "set")
ROLES = ("writer", "describer")
PERSONS_PER_CLIENT, MORE_PERSONS = 4, 100  # portraits that are looked at: some show no face, or fit nobody


class BuildSettings(Settings):
    """The parameters of `notebooks/build.ipynb`; the notebook documents each beside its default."""

    MACHINE = frozenset(
        "concurrency workers ray_address device compile paint_batch shard stop_after prices push fresh".split()
    )

    preset: Literal["published", "pocket"]
    source: Literal["table", "profiles", "runs"]
    table: str
    columns: str
    runs: str
    accept: str
    dialogues: Number
    writer_model: str
    writer_url: str
    writer_temperature: Temperature
    writer_top_p: TopP
    writer_max_tokens: Count
    writer_frequency_penalty: Penalty
    writer_presence_penalty: Penalty
    writing: Literal["requests", "batch"]
    resistances: str
    on_not_found: Literal["drop", "blank"]
    on_same_speaker: Literal["merge", "drop"]
    min_turns: Count
    max_turns: Count
    unique_words: Share
    parts_of_speech: str
    equal_parts_of_speech: Number
    copied_words: Number
    text_safety: Literal["lexicon", "classifier", "none"]
    text_safety_model: str
    unsafe_labels: str
    portraits: str
    portrait_table: str
    portrait_columns: str
    portrait_age_gap: Number
    persons: Literal["once", "once_per_client"]
    describer: Literal["lexicon", "openai", "local", "http"]
    describer_model: str
    describer_url: str
    describer_temperature: Temperature
    describer_top_p: TopP
    describer_max_tokens: Count
    painter: str
    painter_revision: str
    adapter: str
    distilled: str = ""
    scheduler: Scheduler
    spacing: Spacing
    steps: Count
    guidance_scale: Annotated[float, Field(ge=0)]
    merge_step: Annotated[int, Field(ge=-1)]
    merge_at: Share | None
    image_size: Annotated[int, Field(ge=8, multiple_of=8)]
    face_size: Count
    verifier: Literal["local", "http"]
    safety_model: str
    relevance_model: str
    face_pack: str
    relevance_threshold: Cosine | None
    identity_threshold: Cosine | None
    same_gender: bool
    age_gap: Number
    attempts: Count
    on_exhaustion: Literal["drop_dialogue", "drop_turn", "keep_best"]
    window: Count
    prompts: str
    plan_records: bool
    plan_when_silent: bool
    image_name: str
    test_table: str
    test_clients: Number
    seed: Number
    concurrency: Count
    workers: Count
    ray_address: RayAddress
    device: Device
    precision: Literal["auto", "bf16", "float32"]
    compile: Literal["none", "blocks", "whole"]
    paint_batch: Count
    shard: Annotated[str, Field(pattern=r"^[1-9]\d*/[1-9]\d*$", description="one share of all, such as 2/8")]
    prices: str
    stop_after: Stage
    folder: str
    licences: str
    parquet: bool
    push: str
    run: RunName
    fresh: bool

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in parameters that are None from the preset; a service whose URL is set comes first."""
        preset = values.get("preset")
        if not isinstance(preset, str) or preset not in PRESETS:
            return {"preset": preset}  # the defaults of the other parameters depend on it
        defaults = PRESETS[preset] | http_services() | {"run": f"build-{preset}"}
        return {name: defaults.get(name) if value is None else value for name, value in values.items()}

    @property
    def writer(self) -> str:
        """`openai` where a chat model writes the screenplays, else `none`: a role as `mirror.chat.roles` reads it."""
        return "openai" if self.source == "profiles" else "none"

    @property
    def paints(self) -> bool:
        """Whether faces are painted; those of sessions are there already."""
        return self.source != "runs"

    @property
    def reads_portraits(self) -> bool:
        """Whether clients are given portraits from the folder: those of sessions have their own."""
        return self.goes_on_to("portraits") and (self.paints or bool(self.test_table))

    @property
    def models(self) -> dict[str, str]:
        """The models behind endpoints, by role."""
        return models_of_roles(self, ROLES if self.paints else ROLES[:1])

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of resistance that are written for each client."""
        return parse_kinds(self.resistances)

    def most_portraits(self, clients: int) -> int:
        """How many persons are tried for portraits beside those that tables name: reading all of CelebA takes hours."""
        return PERSONS_PER_CLIENT * clients + MORE_PERSONS

    @property
    def share(self) -> tuple[int, int]:
        """The number of the share of the dialogues that this process paints, from 1, and the number of shares."""
        number, total = self.shard.split("/")
        return int(number), int(total)

    @property
    def paint_width(self) -> int:
        """Faces under way at most in a process: one batch is painted while another is verified."""
        return 2 * self.paint_batch

    @property
    def text_rules(self) -> TextRules:
        """The limits of the filters of texts."""
        return TextRules(
            min_turns=self.min_turns,
            max_turns=self.max_turns,
            unique_words=self.unique_words,
            equal_parts_of_speech=self.equal_parts_of_speech,
            copied_words=self.copied_words,
        )

    def read_portrait_columns(self) -> dict[str, str]:
        """The columns of the tables of portraits, by field.

        Raises:
            ColumnsError: they are declared wrongly.
        """
        return parse_columns(self.portrait_columns, {name: name for name in FIELDS}, "portrait_columns")

    @property
    def portrait_tables(self) -> tuple[Path, ...]:
        """The tables of portraits; empty if every picture shows another person."""
        return tuple(input_path(part.strip()) for part in self.portrait_table.split(";") if part.strip())

    @property
    def set_folder(self) -> Path:
        """The folder that the set is written to."""
        return output_path(self.folder or f"results/{self.run}/set")

    def goes_on_to(self, stage: Stage) -> bool:
        """Whether the build reaches a stage: it ends after `stop_after`, and a share after its pictures."""
        last: Stage = min(self.stop_after, "pictures", key=STAGES.index) if self.share[1] > 1 else self.stop_after
        return STAGES.index(stage) <= STAGES.index(last)

    def conflicts(self) -> list[str]:
        """See `Settings.conflicts`."""
        faults = price_faults(self.prices, self.models) + face_faults(self) + unnamed_models(self, ["writer"])
        faults += worker_faults(self.workers, self.ray_address, self.device)
        faults += [fault for name, check in self._checks() if (fault := _fault(name, check))]
        if self.share[0] > self.share[1]:
            faults.append(f"shard must be one share of all, such as 2/8, found {self.shard}")
        if self.source == "runs" and not self.runs.strip():
            faults.append("runs must name folders of counseling runs where source is runs, found the empty text")
        if self.source != "runs" and (self.runs or self.accept):
            faults.append(f"runs and accept are for source runs; leave them empty for source {self.source}")
        if self.min_turns > self.max_turns:
            faults.append(f"min_turns must not be above max_turns, found {self.min_turns} and {self.max_turns}")
        if self.text_safety == "classifier" and not self.text_safety_model:
            faults.append("text_safety is classifier, and text_safety_model is empty; name a text classifier")
        if self.text_safety == "classifier" and not self.unsafe_labels.strip():
            faults.append("text_safety is classifier, and unsafe_labels is empty; name its labels for unsafe text")
        if self.equal_parts_of_speech and self.parts_of_speech == "none":
            faults.append("equal_parts_of_speech needs a tagger (parts_of_speech), or set it to 0")
        if self.folder and output_path(self.folder).is_relative_to(output_path(f"results/{self.run}")):
            faults.append("folder must lie outside of the run; leave it empty for results/<run>/set")
        return faults

    def _checks(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """The parameters with a grammar of their own, each with what reads it and raises ValueError."""
        yield "columns", lambda: parse_columns(self.columns)
        yield "portrait_columns", self.read_portrait_columns
        yield "accept", lambda: parse_rule(self.accept)
        yield "resistances", lambda: parse_kinds(self.resistances)
        yield "image_name", lambda: RecordOptions(image_name=self.image_name)
        yield "parts_of_speech", lambda: load_tagger(self.parts_of_speech)

    def record_options(self) -> RecordOptions:
        """How records are written.

        Raises:
            FileNotFoundError: there is no file of prompts.
            ValueError: it lacks prompts that a variant needs, or `image_name` cannot name images.
        """
        return RecordOptions(
            window=self.window,
            prompts=read_prompt_sets(self.prompts),
            plan_records=self.plan_records,
            plan_when_silent=self.plan_when_silent,
            image_name=self.image_name,
        )

    def missing(self) -> list[str]:
        """See `Settings.missing`."""
        faults = ray_missing(self.workers)
        files = {} if self.source == "runs" else {"table": self.table}
        files |= {"test_table": self.test_table} if self.test_table else {}
        faults += [
            f"{name}: no such file {input_path(file)}; give a table of dialogues or clients (CSV, JSON, JSON Lines)"
            for name, file in files.items()
            if not input_path(file).is_file()
        ]
        faults += [
            f"portrait_table: no such file {path}; give the table of the portraits, or leave it empty"
            for path in self.portrait_tables
            if self.reads_portraits and not path.is_file()
        ]
        if self.reads_portraits and not input_path(self.portraits).is_dir():
            faults.append(f"portraits: no such folder {input_path(self.portraits)}; give the folder of the portraits")
        if fault := _fault("prompts", lambda: read_prompt_sets(self.prompts)):
            faults.append(fault)
        if self.text_safety == "classifier":
            faults += missing_folder("text_safety_model", self.text_safety_model)
        faults += endpoints_missing(self, ROLES if self.paints else ROLES[:1])
        faults += face_files_missing(self) if self.paints and self.goes_on_to("portraits") else []
        return faults + (missing_gpu_of_faces(self) if self.paints and self.goes_on_to("pictures") else [])


def _fault(name: str, check: Callable[[], object]) -> str:
    """What is wrong with a parameter, by what reads it; empty if nothing is."""
    try:
        check()
    except (ValueError, FileNotFoundError, ImportError) as error:
        return f"{name}: {error}"
    return ""
