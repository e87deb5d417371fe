"""The parameters of an analysis of counseling runs."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from mirror.analysis.registration.plan import RegistrationError, read_registration
from mirror.paths import display_path, input_path, output_path
from mirror.rating.preferences import FILE as PREFERENCES
from mirror.rating.ratings import Raters
from mirror.settings.base import Count, Number, RunName, Settings
from mirror.transcripts.arm import arm_faults


class AnalyseSettings(Settings):
    """The parameters of `notebooks/analyse.ipynb`, which explains each beside its default."""

    MACHINE = frozenset({"gallery", "fresh"})

    runs: str
    reference: str
    instruments: str
    level: Annotated[float, Field(gt=0.5, lt=1)]
    resamples: Count
    seed: Number
    damaged: Literal["refuse", "exclude"] = "refuse"
    raters: Raters = "both"
    registration: str = ""
    risk_classifier: str = ""
    unsafe_labels: str = ""
    reference_sessions: str = ""
    preferences: str = ""
    session: Number = 0
    gallery: bool
    run: RunName
    fresh: bool

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in the name of the run: by default, the names of the runs that it compares."""
        if values.get("run") is None:
            names = [Path(name).name for name in split_names(str(values.get("runs") or ""))]
            values = values | {"run": "analyse-" + ("-".join(names)[:80].rstrip("-.") or "pocket")}
        return values

    @property
    def folders(self) -> list[Path]:
        """The folders of the runs, in order; empty if none are named."""
        return [output_path(name) for name in split_names(self.runs)]

    @property
    def preference_folders(self) -> list[Path]:
        """The folders with answers on pairs of sessions, each once."""
        return list(dict.fromkeys(output_path(name) for name in split_names(self.preferences)))

    def conflicts(self) -> list[str]:
        """Lists parameters that contradict each other, one sentence each."""
        names = [folder.name for folder in self.folders]
        faults = [
            f"runs: {name} is the name of {count} runs; the folders of the arms need different names"
            for name, count in Counter(names).items()
            if count > 1
        ]
        places: dict[Path, list[str]] = {}
        for folder in self.folders:
            places.setdefault(folder.resolve(), []).append(folder.name)
        faults += [
            f"runs: {' and '.join(same)} are one folder ({folder}); name it once"
            for folder, same in places.items()
            if len(set(same)) > 1
        ]
        if self.reference and self.reference not in names:
            listed = ", ".join(names) or "none: the notebook makes its own"
            faults.append(f"reference must be the folder name of one of the runs ({listed}), found {self.reference!r}")
        if self.run in names:
            faults.append(f"run: {self.run} is one of the runs that are compared; give the analysis another name")
        return faults

    def missing(self) -> list[str]:
        """Lists runs and instruments that are not there, one sentence each."""
        faults = [f"runs: {fault}" for folder in self.folders for fault in arm_faults(folder)]
        for name in split_names(self.instruments):
            if name.endswith((".yaml", ".yml")) and not input_path(name).is_file():
                faults.append(f"instruments: no such file {input_path(name)}")
        if self.reference_sessions and not input_path(self.reference_sessions).is_file():
            faults.append(
                f"reference_sessions: no such file {input_path(self.reference_sessions)}; see docs/analyse.md"
            )
        faults += [
            f"preferences: no such file {display_path(folder / PREFERENCES)}; name folders of answers on pairs: of "
            "votes (`mirror explore --against`), or of a run of rate.ipynb with `pairs`"
            for folder in self.preference_folders
            if not (folder / PREFERENCES).is_file()
        ]
        return faults + self._registration_faults()

    def _registration_faults(self) -> list[str]:
        try:
            _ = self.registration and read_registration(input_path(self.registration))
        except RegistrationError as error:
            return [f"registration: {line}" for line in str(error).splitlines()]
        return []


def split_names(names: str) -> list[str]:
    """Splits a comma-separated list of names."""
    return [name.strip() for name in names.split(",") if name.strip()]
