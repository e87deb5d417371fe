"""What the filter says of a painted face: a record, never a truth value. Knows nothing of models or services."""

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
OF_THE_PORTRAIT = frozenset({"unreadable_portrait", "no_face_in_portrait"})  # painting again cannot help


class Check(BaseModel):
    """One question the filter asked, with the model that answered it.

    Attributes:
        name: what was asked.
        score: what the model gave (safe: the share of the nsfw score, lower is safer; the others: a cosine).
        threshold: where the answer turns.
        model: folder or Hub id of the model.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["safe", "relevant", "same_person"]
    passed: bool
    score: float
    threshold: float
    model: str


class Verdict(BaseModel):
    """The outcome of one verification, with every check that was made on the way to it, in order."""

    model_config = ConfigDict(frozen=True)

    outcome: Outcome
    checks: tuple[Check, ...] = ()

    @computed_field
    @property
    def accepted(self) -> bool:
        return self.outcome == "accepted"

    @property
    def is_final(self) -> bool:
        """Whether painting again cannot change it: the portrait itself is at fault."""
        return self.outcome in OF_THE_PORTRAIT

    def score(self, name: str) -> float | None:
        """The score of a check; None where it was not made."""
        return next((check.score for check in self.checks if check.name == name), None)

    def __bool__(self) -> NoReturn:
        raise TypeError("a verdict is no truth value (a rejection would count as true); ask verdict.accepted")
