"""The parameters of exploring one conversation by hand."""

from typing import Any

from mirror.paths import input_path
from mirror.settings.base import Count, Number, Settings


class ExploreSettings(Settings):
    """The parameters of `notebooks/explore.ipynb`; the notebook documents each beside its default."""

    configuration: str
    checkpoint: str | None
    cot: str
    client: str
    turns: Count
    cue: str
    words: str
    risk_classifier: str = ""
    unsafe_labels: str = ""
    seed: Number

    def missing(self) -> list[str]:
        """See `Settings.missing`."""
        if not input_path(self.configuration).is_file():
            return [
                f"configuration: no such file {input_path(self.configuration)}; name one of params/counsel/, such as "
                "params/counsel/pocket-llava.yaml"
            ]
        return []

    @property
    def changes(self) -> dict[str, Any]:
        """The values that replace those of the configuration, by parameter."""
        changes = {"seed": self.seed, "checkpoint": self.checkpoint or None, "cot": self.cot or None}
        return {name: value for name, value in changes.items() if value is not None}
