"""A registered study as data, `params/study/<name>.yaml`: hypotheses, arms, clients and raters, written before data."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mirror.analysis.measures import OUTCOMES
from mirror.files.yaml_file import strict_yaml
from mirror.paths import display_path
from mirror.rating.instrument import known_instruments
from mirror.rating.ratings import HUMANS, RULES, Raters, moment_names
from mirror.settings.errors import explain_place

Text = Annotated[str, Field(min_length=1)]
RATED = re.compile(r"(?P<instrument>[a-z][a-z0-9_-]*)\.(?P<subscale>[a-z][a-z0-9_-]*) by (?P<rater>\S.*)")


class RegistrationError(ValueError):
    """A registration that cannot be used; the message has one line per fault: file, what, what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Contrast(_Part):
    """Two arms, by the names of their folders."""

    arm: Text
    other: Text


class Hypothesis(_Part):
    """One hypothesis.

    Attributes:
        id: its name in claims.
        says: the hypothesis in words.
        outcome: the key of an outcome: `names`, or `<instrument>.<subscale> by <rater>`, a judge's model or `humans`.
        arm, other: the arms that are compared, by the names of their folders.
        minus: a second difference of two arms, which is subtracted from the first: an interaction.
        expected: the sign of arm - other: `higher`, `lower`. With `minus`: of the difference of both differences.
        effect: the smallest effect that matters, in standard deviations of the paired differences.
    """

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    says: Text
    outcome: Text
    arm: Text
    other: Text
    minus: Contrast | None = None
    expected: Literal["higher", "lower"]
    effect: Annotated[float, Field(gt=0, le=5)]

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that it needs."""
        return (self.arm, self.other) + ((self.minus.arm, self.minus.other) if self.minus else ())

    @property
    def rater(self) -> str:
        """Who rates its outcome; empty for an outcome from the transcripts."""
        match = RATED.fullmatch(self.outcome)
        return match["rater"] if match else ""

    @property
    def contrast(self) -> str:
        """What is compared: `a − b`, or `(a − b) − (c − d)`."""
        first = f"{self.arm} − {self.other}"
        return f"({first}) − ({self.minus.arm} − {self.minus.other})" if self.minus else first


class Registration(_Part):
    """A registered study.

    Attributes:
        title, question: what it is about.
        arms: the names of the runs' folders.
        clients: the number of clients with a complete session in every arm.
        raters: whose ratings count, as in `analyse.ipynb`.
        people: the number of people who rate; 0 if none do.
        level: a hypothesis is supported if its corrected p is below 1 - level.
        hypotheses: all that are tested; their p is corrected together (Holm).
    """

    title: Text
    question: Text
    arms: Annotated[list[Text], Field(min_length=2)]
    clients: Annotated[int, Field(ge=2)]
    raters: Raters
    people: Annotated[int, Field(ge=0)] = 0
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    hypotheses: Annotated[list[Hypothesis], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        ids = [one.id for one in self.hypotheses]
        faults = [f"hypotheses: {id} is there twice" for id in sorted(set(ids)) if ids.count(id) > 1]
        faults += [f"arms: {arm} is there twice" for arm in sorted(set(self.arms)) if self.arms.count(arm) > 1]
        for one in self.hypotheses:
            faults += [f"hypothesis {one.id}: {fault}" for fault in self._faults(one)]
        if self.people and self.raters == "judge":
            faults.append(f"people is {self.people}, and raters is judge, so that their ratings would not count")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _faults(self, one: Hypothesis) -> list[str]:
        faults = [f"{arm} is none of the arms {', '.join(self.arms)}" for arm in one.arms if arm not in self.arms]
        if one.arm == one.other or (one.minus and one.minus.arm == one.minus.other):
            faults.append("an arm is compared with itself")
        if one.minus and (one.arm, one.other) == (one.minus.arm, one.minus.other):
            faults.append("minus names the same two arms")
        return faults + outcome_faults(one.outcome) + _rater_faults(one.rater, self.raters)

    @property
    def strictest_level(self) -> float:
        """The level of the first step of Holm's correction: the smallest p has to be below 1 - this level."""
        return 1 - (1 - self.level) / len(self.hypotheses)


def outcome_faults(outcome: str) -> list[str]:
    """Returns why no analysis can have this outcome; an instrument of one's own is not checked."""
    keys = [measure.key for measure in OUTCOMES]
    match = RATED.fullmatch(outcome)
    known = {one.name: one.subscales for one in known_instruments()}
    known |= {change: known[name] for name, (change, _) in moment_names(known_instruments()).items()}
    if outcome in keys or (match and match["instrument"] not in known):
        return []
    if not match:
        own = "<instrument>.<subscale> by <rater>, such as 'ctrs.general_skills by humans'"
        return [f"outcome {outcome!r} is unknown; name one of {', '.join(keys)}, or {own}"]
    subscales = known[match["instrument"]]
    if match["subscale"] in subscales:
        return []
    return [f"{match['instrument']} has no subscale {match['subscale']}; it has {', '.join(subscales)}"]


def _rater_faults(rater: str, raters: Raters) -> list[str]:
    if rater == RULES:
        return [f"its rater is {RULES}, the offline judge, whose ratings are no evidence; name a model or {HUMANS}"]
    if rater and raters != "both" and (rater == HUMANS) != (raters == HUMANS):
        return [f"its rater is {rater}, whose ratings do not count where raters is {raters}"]
    return []


def read_registration(path: Path) -> Registration:
    """Reads a registered study.

    Raises:
        RegistrationError: the file is missing or invalid.
    """
    name = display_path(path)
    try:
        values: Any = strict_yaml(path.read_bytes())
    except OSError:
        raise RegistrationError(
            f"no such file {name}; a registration is a YAML file such as params/study/pocket.yaml"
        ) from None
    except ValueError as error:
        raise RegistrationError(f"{name}: is no YAML: {' '.join(str(error).split()):.200}") from None
    try:
        return Registration.model_validate(values)
    except ValidationError as error:
        lines = map(explain_place, error.errors())
        raise RegistrationError("\n".join(f"{name}: {line}" for line in lines)) from None
