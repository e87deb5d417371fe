"""The parameters of exploring conversations by hand."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from mirror.files.text_file import control_character, lone_surrogate
from mirror.paths import input_path
from mirror.rating.forms.key import RATER
from mirror.settings.base import Count, Number, RunName, Settings

Rater = Annotated[str, Field(pattern=RATER, description="an id of up to 31 of a-z, 0-9, - and _")]

LONGEST = 20_000  # characters of what a person types


def _readable(text: str) -> str:
    if odd := lone_surrogate(text) or control_character(text):
        raise ValueError(f"holds {odd}; delete it")
    if len(text) > LONGEST:
        raise ValueError(f"has {len(text):,} characters, at most {LONGEST:,} are read; shorten it")
    return text


Typed = Annotated[str, AfterValidator(_readable)]  # what a person types into the panel


class ExploreSettings(Settings):
    """The parameters of `notebooks/explore.ipynb`; the notebook documents each beside its default."""

    configuration: str
    checkpoint: str | None
    cot: str
    client: str
    turns: Count
    cue: str
    words: str
    against: str = ""
    rater: Rater = "explorer"
    run: RunName = "explored"
    risk_classifier: str = ""
    unsafe_labels: str = ""
    seed: Number

    def conflicts(self) -> list[str]:
        """See `Settings.conflicts`."""
        if self.against and self.turns > 1:
            return [
                f"turns is {self.turns}, and against compares two counselors, to whom the client would answer "
                "differently; use 1"
            ]
        return []

    def missing(self) -> list[str]:
        """See `Settings.missing`."""
        named = {"configuration": self.configuration} | ({"against": self.against} if self.against else {})
        return [
            f"{name}: no such file {input_path(path)}; name one of params/counsel/, such as "
            "params/counsel/pocket-llava.yaml"
            for name, path in named.items()
            if not input_path(path).is_file()
        ]

    @property
    def changes(self) -> dict[str, Any]:
        """The values that replace those of the configuration, by parameter."""
        changes = {"seed": self.seed, "checkpoint": self.checkpoint or None, "cot": self.cot or None}
        return {name: value for name, value in changes.items() if value is not None}

    @property
    def runs(self) -> tuple[str, ...]:
        """The names of the runs that keep what is saved, one per counselor."""
        if not self.against:
            return (self.run,)
        first, second = Path(self.configuration).stem, Path(self.against).stem
        return f"{self.run}-{first}", f"{self.run}-{second}" + "-2" * (first == second)

    @property
    def votes(self) -> str:
        """The name of the run that keeps the votes."""
        return f"{self.run}-votes"
