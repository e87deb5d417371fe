"""The parameters of counseling, and the defaults of each model size."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field

from mirror.chat.prices import parse_prices, price_faults
from mirror.chat.roles import endpoints_missing, models_of_roles, unnamed_models
from mirror.clients.returns import Returns
from mirror.clients.trust import TrustRule
from mirror.faces.schedule import Scheduler, Spacing
from mirror.faces.settings import FACE_MODELS, face_faults, face_files_missing, http_services, missing_gpu_of_faces
from mirror.models.checkpoint import NO_BASE, OTHER, checkpoint_faults, counselor_name, merged_faults, read_prompts
from mirror.models.llava_chat import IMAGE
from mirror.models.memory.plan import Offload
from mirror.paths import input_path, output_path
from mirror.prompts import PromptSet, lacking, own_prompts
from mirror.settings.base import (
    Cot,
    Count,
    Device,
    Number,
    Positive,
    RayAddress,
    RunName,
    Share,
    Size,
    TrackedSettings,
    missing_folder,
    missing_gpu_of_size,
)
from mirror.transcripts.donor import donor_faults
from mirror.workers.faults import ray_missing, worker_faults

Temperature = Annotated[float, Field(ge=0)]
Cosine = Annotated[float, Field(ge=-1, le=1)]
TopP = Annotated[float, Field(gt=0, le=1)]
Penalty = Annotated[float, Field(ge=-2, le=2)]

PUBLISHED: dict[str, Any] = FACE_MODELS["7b"] | {
    "base_model": "llava-hf/llava-1.5-7b-hf",
    "client": "openai",
    "client_model": "gpt-4o-mini",
    "table": "data/mirror/test.csv",
    "portraits": "data/mirror/portraits",
    "max_turns": 20,
    "max_new_tokens": 128,
    "planning_max_tokens": 512,
}
MODELS: dict[str, dict[str, Any]] = {
    "7b": PUBLISHED,
    "13b": PUBLISHED | {"base_model": "llava-hf/llava-1.5-13b-hf"},
    "other": PUBLISHED | {"base_model": ""},
    "pocket": FACE_MODELS["pocket"]
    | {
        "base_model": "pocket/models/llava-v1.5-pocket",
        "client": "scripted",
        "client_model": "",
        "table": "pocket/data/test.csv",
        "portraits": "pocket/data/test_images",
        "max_turns": 6,
        "max_new_tokens": 64,
        "planning_max_tokens": 128,
    },
}


class CounselSettings(TrackedSettings):
    """The parameters of `notebooks/counsel.ipynb`; the notebook documents each beside its default."""

    MACHINE = frozenset(
        "ahead concurrency waves workers ray_address device compile offload paint_batch reply_batch sessions "
        "sessions_per_client shard prices budget_dollars budget_tokens budget_hours logging fresh".split()
    )

    counselor: Literal["llava", "openai", "served"]
    size: Size
    cot: Cot
    checkpoint: str
    base_model: str
    revision: str
    counselor_model: str
    counselor_url: str
    untrained_model: str = ""
    untrained_url: str = ""
    sees_face: bool
    face: Literal["shown", "neutral", "swapped", "blank", "cue"] = "shown"
    faces_from: str = ""
    temperature: Temperature
    top_p: Annotated[Share, Field(gt=0)]
    max_new_tokens: Count
    planning_max_tokens: Count
    context: Count
    prompts: str
    client: Literal["openai", "scripted"]
    client_trust: TrustRule = "published"
    client_model: str
    client_url: str
    client_temperature: Temperature
    client_top_p: TopP
    client_max_tokens: Count
    client_frequency_penalty: Penalty
    client_presence_penalty: Penalty
    table: str
    portraits: str
    sessions: Number
    sessions_per_client: Count = 1
    memory: Literal["transcript", "none"] = "transcript"
    memory_tokens: Count = 4096
    shard: Annotated[str, Field(pattern=r"^[1-9]\d*/[1-9]\d*$", description="one share of all, such as 2/8")]
    max_turns: Count
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
    attempts: Count
    on_exhaustion: Literal["keep_best", "stop"]
    ahead: Number
    seed: Number
    concurrency: Count
    waves: Count
    workers: Count
    ray_address: RayAddress
    device: Device
    precision: Literal["auto", "bf16", "float32"]
    compile: Literal["none", "blocks", "whole"]
    offload: Offload
    paint_batch: Count
    reply_batch: Count
    prices: str
    budget_dollars: Positive | None
    budget_tokens: Count | None
    budget_hours: Positive | None
    run: RunName
    fresh: bool

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in parameters that are None from the defaults of the size; a service whose URL is set comes first."""
        size = values.get("size")
        if not isinstance(size, str) or size not in MODELS:
            return {"size": size}  # the defaults of the other parameters depend on it
        models = MODELS[size] | http_services()
        values = {name: models.get(name) if value is None else value for name, value in values.items()}
        if values.get("waves") is None:
            # While one half of the sessions waits for a chat model, the other half is painted.
            waits = {values.get("client"), values.get("describer")} & {"openai", "http"}
            values["waves"] = 2 if waits and values.get("offload") in (None, "auto", "none") else 1
        if values.get("run") is None:
            who = counselor_name(values.get("counselor"), size, str(values.get("base_model")))
            values["run"] = f"counsel-{who}-{values.get('cot')}"
        return values

    @property
    def share(self) -> tuple[int, int]:
        """The number of the share of the table that this run counsels, from 1, and the number of shares."""
        number, total = self.shard.split("/")
        return int(number), int(total)

    @property
    def returns(self) -> Returns:
        """How often each client comes, and what is remembered."""
        return Returns(self.sessions_per_client, self.memory, self.memory_tokens)

    @property
    def models(self) -> dict[str, str]:
        """The models behind endpoints, by role."""
        return models_of_roles(self, ("client", "describer", "counselor"))

    @property
    def prompts_from(self) -> str:
        """The source of the counselor's prompts: `checkpoint`, `project`, or a file or folder."""
        return self.prompts or ("checkpoint" if self.checkpoint else "project")

    def read_prompts(self) -> PromptSet:
        """The counselor's prompts.

        Raises:
            FileNotFoundError: the file does not exist.
            ValueError: it holds no prompt templates, or lacks some that a counselor of this cot needs.
        """
        if (source := self.prompts_from) == "project":
            return own_prompts(self.cot, self.sees_face)
        written = output_path(self.checkpoint if source == "checkpoint" else source)
        found = read_prompts(written if written.exists() else input_path(source))
        if faults := lacking(found, self.cot):
            raise ValueError(f"they do not fit cot {self.cot}: {'; '.join(faults)}")
        shown = any(IMAGE in c.template.text for of in found.templates.values() for c in of)
        if shown and self.counselor == "openai" and not self.sees_face:
            raise ValueError("they are about an image, and sees_face is false; use project")
        return found

    def conflicts(self) -> list[str]:
        """See `Settings.conflicts`."""
        faults = price_faults(self.prices, self.models) or self._budget_conflicts()
        if self.prompts == "checkpoint" and not self.checkpoint:
            faults.append("prompts is checkpoint, and no checkpoint is named; give prompts that checkpoint's folder")
        faults += unnamed_models(self, ("counselor", "client"))
        if self.checkpoint and self.counselor == "openai":
            faults.append("checkpoint is for counselor llava or served; leave it empty, or use one of them")
        if not self.sees_face and self.cot in ("ec", "ec_planning"):
            faults.append(f"cot {self.cot} captions the face, and sees_face is false; use base or planning")
        faults += self._served_conflicts() + self._face_conflicts()
        if self.share[0] > self.share[1]:
            faults.append(f"shard must be one share of all, such as 2/8, found {self.shard}")
        if re.search(r"-\d+of\d+$", self.run):
            faults.append(f"run must not end like the folder of a share, found {self.run}; choose another name")
        if self.offload == "counselor" and self.counselor != "llava":
            faults.append("offload is counselor, and the counselor is not in this process; use auto, painter or all")
        if self.offload not in ("auto", "none") and self.waves > 1:
            faults.append(
                f"offload is {self.offload}, and waves is {self.waves}, each of which would move weights; set "
                "waves to 1, or offload to none or auto"
            )
        return faults + worker_faults(self.workers, self.ray_address, self.device) + face_faults(self)

    def _served_conflicts(self) -> list[str]:
        if self.counselor != "served":
            own = ("untrained_model", "untrained_url")
            return [f"{name} is for counselor served; leave it empty" for name in own if getattr(self, name)]
        faults = []
        if not self.checkpoint:
            faults.append("counselor is served, and checkpoint is empty; name the merged folder that is served")
        if not self.counselor_url:
            faults.append("counselor is served, and counselor_url is empty; give the server's address (it ends in /v1)")
        if self.untrained_url and not self.untrained_model:
            faults.append("untrained_url names a server, and untrained_model is empty; name the model there")
        return faults

    def _face_conflicts(self) -> list[str]:
        faults = []
        if not self.sees_face and self.counselor != "openai" and self.size != OTHER:
            faults.append(f"sees_face is false, and a {self.counselor} counselor always sees the face; leave it true")
        if not self.sees_face and self.face not in ("shown", "cue"):
            faults.append(f"face is {self.face}, and sees_face is false, so that no image is sent; set one of them")
        if self.face == "swapped" and not self.faces_from:
            faults.append("face is swapped, and faces_from names no run; name a complete one of other clients' faces")
        if self.face != "swapped" and self.faces_from:
            faults.append(f"faces_from is for face swapped, and face is {self.face}; leave it empty")
        if self.faces_from == self.run:
            faults.append("faces_from is this run; name another one, with face shown")
        return faults

    def _budget_conflicts(self) -> list[str]:
        budgets = [name for name in ("budget_dollars", "budget_tokens") if getattr(self, name) is not None]
        if budgets and not self.models:
            return [f"{one} counts models behind endpoints, and no role uses one; use budget_hours" for one in budgets]
        if "budget_dollars" in budgets and (unpriced := sorted({*self.models.values()} - {*parse_prices(self.prices)})):
            return [f"budget_dollars needs a price of every model; add {', '.join(unpriced)} to prices (0/0 if free)"]
        return []

    def missing(self) -> list[str]:
        """See `Settings.missing`."""
        faults = ray_missing(self.workers)
        if self.face == "swapped":
            faults += [f"faces_from: {fault}" for fault in donor_faults(output_path("results") / self.faces_from)]
        if not input_path(self.table).is_file():
            faults.append(f"table: no such file {input_path(self.table)}; the test table (CSV) has one client per row")
        if not input_path(self.portraits).is_dir():
            faults.append(f"portraits: no such folder {input_path(self.portraits)}; img_path are relative to it")
        faults += self.counselor_missing() + endpoints_missing(self, ("counselor", "client", "describer"))
        is_told = self.counselor == "llava" and self.size != "pocket"  # that there is no GPU
        return faults + face_files_missing(self) + ([] if is_told else missing_gpu_of_faces(self))

    def counselor_missing(self) -> list[str]:
        """What `missing` says of the counselor's model and prompts, without its endpoint."""
        faults = missing_gpu_of_size(self.size, self.device) if self.counselor == "llava" else []
        if self.checkpoint:
            folder, kind = output_path(self.checkpoint), (self.size, self.cot)
            served = self.counselor == "served"
            found = merged_faults(folder, *kind, self.untrained_model) if served else checkpoint_faults(folder, *kind)
            faults += [f"checkpoint: {fault}" for fault in found]
        try:
            self.read_prompts()
        except (FileNotFoundError, ValueError) as error:
            if self.prompts_from != "checkpoint" or output_path(self.checkpoint).is_dir():  # else: told already
                faults.append(f"prompts: {error}; name a set of this cot, or use project")
        base = missing_folder("base_model", self.base_model) if self.base_model else [NO_BASE]
        return faults + (base if self.counselor == "llava" and not self.checkpoint else [])
