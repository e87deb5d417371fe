"""The verdict of the filter on a painted face: a record that has no truth value."""

from collections.abc import Sized
from typing import Literal, NoReturn

from pydantic import BaseModel, ConfigDict, computed_field

Outcome = Literal[
    "accepted",
    "unsafe",
    "irrelevant",
    "another_person",
    "another_gender",
    "another_age",
    "no_face",
    "several_faces",
    "unreadable_image",
    "unreadable_portrait",
    "no_face_in_portrait",
    "several_faces_in_portrait",
]
OF_THE_PORTRAIT = frozenset(
    {"unreadable_portrait", "no_face_in_portrait", "several_faces_in_portrait"}
)  # the portrait is at fault; another attempt cannot help


def passing_sign(check: str) -> str:
    """How a score that passes a check compares with the threshold: `<`, `≤` or `≥`."""
    return {"safe": "<", "age": "≤"}.get(check, "≥")


class Check(BaseModel):
    """One check of the filter.

    Attributes:
        name: what was checked.
        passed: the result.
        score: `safe`: the probability of nsfw content in 0…1, lower is safer. `relevant` and `same_person`: a cosine
            similarity in -1…1. `same_gender`: 1 if painted face and portrait are read as the same gender, else 0.
            `age`: how far the two are read apart, in years; lower is closer.
        threshold: the score at which the result changes. `safe` passes below it, `age` up to and including it, the
            others from it on.
        model: the folder or Hub id of the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["safe", "relevant", "same_person", "same_gender", "age"]
    passed: bool
    score: float
    threshold: float
    model: str

    @property
    def sign(self) -> str:
        """How a score that passes compares with the threshold: `<`, `≤` or `≥`."""
        return passing_sign(self.name)

    @property
    def margin(self) -> float:
        """Distance of the score from the threshold, in its own unit; negative where the check failed."""
        return self.score - self.threshold if self.sign == "≥" else self.threshold - self.score


class Verdict(BaseModel):
    """The outcome of one verification.

    Attributes:
        outcome: `accepted`, or the reason for rejection.
        checks: the checks that were made, in order.
    """

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    checks: tuple[Check, ...] = ()

    @computed_field  # type: ignore[prop-decorator]  # mypy supports no decorators on properties
    @property
    def accepted(self) -> bool:
        """Whether the face may be shown."""
        return self.outcome == "accepted"

    @property
    def is_final(self) -> bool:
        """Whether another attempt cannot change the outcome, because the portrait is at fault."""
        return self.outcome in OF_THE_PORTRAIT

    def score(self, name: str) -> float | None:
        """Return the score of a check; None if it was not made."""
        return next((check.score for check in self.checks if check.name == name), None)

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict has no truth value (a rejection would count as true); use verdict.accepted")


def portrait_fault(faces: Sized) -> Outcome | None:
    """The outcome for a portrait in which these faces were found; None if it shows one, as it has to."""
    if len(faces) == 1:
        return None
    return "several_faces_in_portrait" if len(faces) else "no_face_in_portrait"
