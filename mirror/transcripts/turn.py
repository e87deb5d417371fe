"""What happens in a turn, and a session so far, as records. Knows nothing of folders and models."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError, to_jsonable_python

from mirror.transcripts.profile import Profile
from mirror.transcripts.verdict import Verdict

FaceFile = Annotated[str, Field(pattern=r"^faces/\d{2,}(-\d+)?\.png$")]
Fields = Annotated[dict[str, JsonValue], BeforeValidator(to_jsonable_python)]  # the same in memory and on disk


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AttemptRecord(_Record):
    """One face that was painted; `number` counts from 1, `file` is relative to the session's folder."""

    number: int
    seed: int
    verdict: Verdict
    file: FaceFile

    @field_validator("verdict", mode="before")
    @classmethod
    def _refuse_unknown(cls, value: Any) -> Any:
        """A verdict skips what it does not know; a transcript must not lose it."""
        known = Verdict.model_fields.keys() | Verdict.model_computed_fields.keys()
        if isinstance(value, dict) and (unknown := value.keys() - known):
            raise PydanticCustomError("unknown_field", "unknown: " + ", ".join(sorted(unknown)))
        return value


class FaceRecord(_Record):
    """The face that the counselor saw.

    Attributes:
        statement: what the relevance filter compared the attempts with; empty in older transcripts.
        chosen: the number of the attempt that was shown.
        exhausted: whether none was accepted.
    """

    file: FaceFile
    statement: str = ""
    attempts: tuple[AttemptRecord, ...]
    chosen: int
    exhausted: bool

    @property
    def files(self) -> list[str]:
        return [self.file, *(attempt.file for attempt in self.attempts)]

    @property
    def limits(self) -> dict[str, float]:
        """The filter's threshold of each check that was made."""
        return {check.name: check.threshold for attempt in self.attempts for check in attempt.verdict.checks}


class Turn(_Record):
    """One turn of both; one in which the client ends the session has neither face nor reply.

    Attributes:
        number: from 1.
        cue, words, ended: of the client's utterance, as it was read.
        client_raw: the utterance as the client gave it.
        description: what the describer gave, all its fields.
        caption: with EC, what the counselor saw in the face.
        technique, plan: with planning, what the counselor follows in this turn; empty before it has a plan.
        plan_text: the plan as it stands in the counselor's prompts.
        reply: the counselor's words.
        counselor_raw: what the counselor gave, by kind of prompt.
        cut_off: the kinds of prompt whose answer ran out of tokens.
        dropped_utterances: how many of the oldest ones did not fit the counselor's context.
        cut_characters: of the newest utterance, whose beginning did not fit the counselor's context.
        tokens: used in this turn, e.g. `client_prompt`, as far as they were counted.
    """

    number: int = Field(ge=1)
    cue: str
    words: str
    ended: bool = False
    client_raw: str
    description: Fields | None = None
    face: FaceRecord | None = None
    caption: str = ""
    technique: str = ""
    plan: tuple[str, ...] = ()
    plan_text: str = ""
    reply: str = ""
    counselor_raw: dict[str, str] = {}
    cut_off: tuple[str, ...] = ()
    dropped_utterances: int = 0
    cut_characters: int = 0
    tokens: dict[str, int] = {}


@dataclass(frozen=True)
class Conversation:
    """A session so far, as the collaborators see it; `seed` is the run's."""

    profile: Profile
    turns: tuple[Turn, ...]
    seed: int

    @property
    def number(self) -> int:
        """The number of the turn to come."""
        return len(self.turns) + 1

    @property
    def dialogue(self) -> tuple[tuple[str, str], ...]:
        """(role, words) of all that was spoken, roles `client` and `therapist`; who is silent is left out."""
        said = ((("client", turn.words), ("therapist", turn.reply)) for turn in self.turns)
        return tuple((role, words) for exchange in said for role, words in exchange if words)

    @property
    def ended(self) -> bool:
        """Whether the client has ended it."""
        return bool(self.turns) and self.turns[-1].ended
