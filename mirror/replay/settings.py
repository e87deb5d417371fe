"""The parameters of replaying recorded conversations."""

from functools import cached_property
from typing import Any, Literal

from mirror.building.screenplays.columns import ColumnsError, parse_columns
from mirror.chat.roles import endpoints_missing
from mirror.counseling.settings import CounselSettings
from mirror.faces.settings import face_files_missing, missing_gpu_of_faces
from mirror.paths import input_path, output_path
from mirror.replay.own_run import run_faults
from mirror.replay.table import FIELDS, SPEAKERS
from mirror.settings.base import Count, Device, Number, Positive, RunName, TrackedSettings, missing_device
from mirror.settings.errors import SettingsError
from mirror.transcripts.donor import donor_faults

# Settings of the counselor that the run records under the same names as a run of counsel.ipynb.
RECORDED = (
    "counselor size cot checkpoint base_model revision counselor_model counselor_url untrained_model untrained_url "
    "sees_face temperature top_p max_new_tokens planning_max_tokens context prompts precision"
).split()


EXAMPLE = "pocket/recordings/utterances.csv"  # what is replayed if nothing is named


class ReplaySettings(TrackedSettings):
    """The parameters of `notebooks/replay.ipynb`; the notebook documents each beside its default."""

    MACHINE = frozenset(
        "sessions concurrency device prices budget_dollars budget_tokens budget_hours logging fresh".split()
    )

    configuration: str
    from_run: str
    table: str
    form: Literal["utterances", "screenplays"]
    columns: str
    speakers: str
    pictures: str
    no_image: Literal["blank", "refuse"]
    history: Literal["recorded", "own"]
    face: Literal["shown", "neutral", "swapped", "blank", "cue"]
    faces_from: str
    sessions: Number
    seed: Number
    concurrency: Count
    device: Device
    prices: str
    budget_dollars: Positive | None
    budget_tokens: Count | None
    budget_hours: Positive | None
    run: RunName
    fresh: bool

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in the table and the run's name."""
        if values.get("table") is None:
            values = values | {"table": "" if values.get("from_run") else EXAMPLE}
        if values.get("run") is None:
            name = str(values.get("configuration", "")).rpartition("/")[2].partition(".")[0]
            values = values | {"run": f"replay-{name}"}
        return values

    @property
    def donor(self) -> str:
        """The run whose clients' faces are seen where faces are swapped, by default the one that is replayed."""
        return (self.faces_from or self.from_run) if self.face == "swapped" else self.faces_from

    @cached_property
    def counsel(self) -> CounselSettings:
        """The counselor, its machine and its budget, as settings of counsel.ipynb; their client is not used.

        Raises:
            SettingsError: the configuration does not fit the parameters.
        """
        names = ["face", "sessions", "seed", "concurrency", "device", "run", "fresh"]
        names += ["prices", "budget_dollars", "budget_tokens", "budget_hours", "logging"]
        unused = {"client": "scripted", "client_model": "", "describer": "lexicon", "describer_model": ""}
        fixed: dict[str, Any] = {"shard": "1/1", "waves": 1, "workers": 1, "ray_address": "", "sessions_per_client": 1}
        fixed |= {"offload": "none"} if self.face != "neutral" else {}
        changes = {name: getattr(self, name) for name in names} | {"faces_from": self.donor} | unused | fixed
        return CounselSettings.from_file(input_path(self.configuration), check_files=False, **changes)

    @property
    def recorded(self) -> dict[str, Any]:
        """What the run records as its settings: these, and those of the counselor."""
        counselor = {name: getattr(self.counsel, name) for name in RECORDED}
        return self.model_dump() | {"client": "recorded"} | counselor

    def conflicts(self) -> list[str]:
        """See `Settings.conflicts`."""
        faults = []
        if bool(self.from_run) == bool(self.table):
            found = "both" if self.table else "neither"
            faults.append(f"name what is replayed, a table or a run (from_run), found {found}")
        try:
            parse_columns(self.columns, FIELDS[self.form])
            parse_columns(self.speakers, SPEAKERS, "speakers")
        except ColumnsError as error:
            faults += str(error).splitlines()
        if self.face == "neutral" and not self.from_run:
            faults.append("face is neutral, and a table has no portraits to paint it from; use from_run, or blank")
        if self.face == "swapped" and not self.donor:
            faults.append("face is swapped, and faces_from names no run; name one of counsel.ipynb with face shown")
        if self.from_run and self.from_run == self.run:
            faults.append("from_run is this run; give this run another name (run)")
        return faults or self._configuration_faults()

    def _configuration_faults(self) -> list[str]:
        if not input_path(self.configuration).is_file():
            return []  # reported by `missing`
        try:
            _ = self.counsel
        except SettingsError as error:
            return [f"configuration: {line}" for line in str(error).splitlines()]
        return []

    def missing(self) -> list[str]:
        """See `Settings.missing`."""
        if not input_path(self.configuration).is_file():
            return [
                f"configuration: no such file {input_path(self.configuration)}; name one of params/counsel/, such as "
                "params/counsel/pocket-llava.yaml"
            ]
        faults = []
        if self.from_run:
            faults += [f"from_run: {fault}" for fault in run_faults(output_path("results") / self.from_run)]
        if self.table and not input_path(self.table).is_file():
            faults.append(f"table: no such file {input_path(self.table)}; name a CSV or JSON table of conversations")
        if self.pictures and not input_path(self.pictures).is_dir():
            faults.append(f"pictures: no such folder {input_path(self.pictures)}; the table's are relative to it")
        if self.face == "swapped":
            faults += [f"faces_from: {fault}" for fault in donor_faults(output_path("results") / self.donor)]
        if self._configuration_faults():
            return faults  # reported by `conflicts`
        counsel = self.counsel
        of_counselor = counsel.counselor_missing() + endpoints_missing(counsel, ["counselor"])
        if self.face != "neutral":
            return faults + of_counselor + missing_device(self.device)
        is_told = counsel.counselor == "llava" and counsel.size != "pocket"  # that there is no GPU
        return faults + of_counselor + face_files_missing(counsel) + ([] if is_told else missing_gpu_of_faces(counsel))
