"""The verdict of the filter on a painted face: a record that has no truth value."""

from typing import Literal, NoReturn

from pydantic import BaseModel, ConfigDict, computed_field

Outcome = Literal[
    "accepted",
    "unsafe",
    "irrelevant",
    "another_person",
    "no_face",
    "several_faces",
    "unreadable_image",
    "unreadable_portrait",
    "no_face_in_portrait",
]
OF_THE_PORTRAIT = frozenset(
    {"unreadable_portrait", "no_face_in_portrait"}
)  # the portrait is at fault; another attempt cannot help


class Check(BaseModel):
    """One check of the filter.

    Attributes:
        name: what was checked.
        passed: the result.
        score: `safe`: the probability of nsfw content in 0…1, lower is safer; others: a cosine similarity in -1…1.
        threshold: the score at which the result changes.
        model: the folder or Hub id of the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["safe", "relevant", "same_person"]
    passed: bool
    score: float
    threshold: float
    model: str


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
