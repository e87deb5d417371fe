"""The parameters of rating."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from mirror.chat.prices import parse_prices, price_faults
from mirror.paths import input_path, output_path
from mirror.rating.instrument import Instrument, InstrumentError, read_instruments
from mirror.rating.ratings import HUMANS
from mirror.secrets import KEY, secret_faults, url_faults_of_environment
from mirror.settings.base import Count, Number, Positive, RunName, Settings
from mirror.transcripts.arm import arm_faults

Temperature = Annotated[float, Field(ge=0)]
REPEATS = {"openai": 3, "rules": 1}
RULED = ("resistance", "helpfulness")  # the instruments that the offline judge supports


class RateSettings(Settings):
    """The parameters of `notebooks/rate.ipynb`, which explains each beside its default."""

    MACHINE = frozenset({"runs", "sessions", "concurrency", "timeout", "retries", "prices", "fresh"})
    MACHINE |= {"budget_dollars", "budget_tokens"}

    runs: str
    sessions: Number
    instruments: str
    wording: str
    judge: Literal["openai", "rules"]
    judge_model: str
    judge_url: str
    structured: Literal["schema", "object", "text"]
    temperature: Temperature
    max_tokens: Count
    repeats: Count
    attempts: Count
    faces: bool
    pairs: bool
    seed: Number
    concurrency: Count
    timeout: Positive
    retries: Number
    prices: str
    budget_dollars: Positive | None = None
    budget_tokens: Count | None = None
    run: RunName
    fresh: bool

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Fills in what is None: the repeats, which depend on the judge, since rules are deterministic; the name."""
        judge = values.get("judge")
        if values.get("repeats") is None and isinstance(judge, str) and judge in REPEATS:
            values["repeats"] = REPEATS[judge]
        if values.get("run") is None:
            values["run"] = f"rate-{judge}"
        return values

    @property
    def folders(self) -> list[Path]:
        """The folders of the rated runs, in the order given."""
        return [output_path(name) for name in _names(self.runs)]

    def read_instruments(self) -> list[Instrument]:
        """Reads the instruments.

        Raises:
            InstrumentError: One of them cannot be used.
        """
        return read_instruments(_names(self.instruments), self.wording)

    def conflicts(self) -> list[str]:
        """Returns one message per conflict between parameters."""
        faults = price_faults(self.prices, {"judge": self.judge_model} if self.judge == "openai" else {})
        names = [folder.name for folder in self.folders]
        faults += [f"runs names {name} twice" for name in sorted(set(names)) if names.count(name) > 1]
        if self.run in names:
            faults.append(f"run {self.run} is one of the rated runs; give this one a name of its own")
        if not _names(self.instruments):
            faults.append("instruments names none; give at least one, such as ctrs")
        if self.judge == "openai" and not self.judge_model:
            faults.append("judge_model must name a model where judge is openai, found the empty text")
        if self.judge == "openai" and self.judge_model == "rules":
            faults.append("judge_model 'rules' is the name of the offline judge; serve the model under another name")
        if self.judge == "openai" and self.judge_model == HUMANS:
            faults.append(f"judge_model {HUMANS!r} is the name of people's ratings; serve the model under another name")
        if self.pairs and len(names) < 2:
            faults.append(f"pairs compares each two of at least 2 runs, and runs names {len(names)}; name more")
        faults += self._budget_conflicts() if not price_faults(self.prices, {}) else []
        return faults + (self._faults_of_rules() if self.judge == "rules" else [])

    def _budget_conflicts(self) -> list[str]:
        budgets = [name for name in ("budget_dollars", "budget_tokens") if getattr(self, name) is not None]
        if self.judge != "openai":
            return [f"{name} counts what a model costs, and judge is {self.judge}; leave it out" for name in budgets]
        if "budget_dollars" in budgets and self.judge_model not in parse_prices(self.prices):
            return [f"budget_dollars needs the price of the judge; add {self.judge_model} to prices (0/0 if free)"]
        return []

    def _faults_of_rules(self) -> list[str]:
        """Returns the parameters that the offline judge does not support."""
        faults = [
            f"judge rules has no rules for {name}; it knows {', '.join(RULED)}; use judge openai"
            for name in _names(self.instruments)
            if name not in RULED
        ]
        if self.faces:
            faults.append("judge rules sees no faces; use judge openai, or leave faces false")
        if self.repeats > 1:
            faults.append(f"judge rules is deterministic, and repeats is {self.repeats}; use 1")
        return faults

    def missing(self) -> list[str]:
        """Returns one message per missing run, file, instrument or key."""
        faults = [f"runs: {fault}" for folder in self.folders for fault in arm_faults(folder)]
        if self.wording and not input_path(self.wording).is_file():
            faults.append(f"wording: no such file {input_path(self.wording)}")
        else:
            faults += self._instrument_faults()
        url = self.judge_url or os.environ.get("OPENAI_BASE_URL")
        if self.judge == "openai" and not url and not os.environ.get("OPENAI_API_KEY"):
            faults.append("judge is openai, and OPENAI_API_KEY is not set; set it, or give judge_url")
        if self.judge == "openai":
            faults += secret_faults(KEY)
            faults += [] if self.judge_url else url_faults_of_environment("OPENAI_BASE_URL", KEY, several=True)
        return faults

    def _instrument_faults(self) -> list[str]:
        try:
            found = self.read_instruments()
        except InstrumentError as error:
            return [f"instruments: {line}" for line in str(error).splitlines()]
        faults = []
        if self.faces and all(one.sees.faces == "never" for one in found):
            faults.append("faces is true, and no instrument lets the judge see them; use false")
        if self.pairs and not any(one.can_compare for one in found):
            faults.append(
                "pairs compares whole sessions by their counselor, and no instrument does; add one, such as ctrs"
            )
        return faults


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
