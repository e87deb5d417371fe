"""Records of a turn and its face, the conversation so far, and what was said in earlier ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)
from pydantic_core import PydanticCustomError, to_jsonable_python

from mirror.transcripts.profile import Profile
from mirror.transcripts.verdict import Verdict

FaceFile = Annotated[str, Field(pattern=r"^faces/\d{2,}(-\d+|-seen)?\.png$")]
Condition = Literal["neutral", "swapped", "blank", "cue"]  # of a counselor who does not see the client's face
Fields = Annotated[dict[str, JsonValue], BeforeValidator(to_jsonable_python)]  # equal in memory and on disk


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AttemptRecord(_Record):
    """One painted face.

    Attributes:
        number: of the attempt, from 1.
        seed: the seed that it was painted with.
        verdict: the result of its verification.
        file: relative to the session's folder.
    """

    number: int
    seed: int
    verdict: Verdict
    file: FaceFile

    @field_validator("verdict", mode="before")
    @classmethod
    def _refuse_unknown(cls, value: Any) -> Any:
        """Reject unknown fields of a verdict, which `Verdict` ignores: a transcript must not lose data."""
        known = Verdict.model_fields.keys() | Verdict.model_computed_fields.keys()
        if isinstance(value, dict) and (unknown := value.keys() - known):
            raise PydanticCustomError("unknown_field", "unknown: " + ", ".join(sorted(unknown)))
        return value


class FaceRecord(_Record):
    """The face that the client showed, which is the one that the counselor saw unless the turn has a `seen`.

    A face that was given with a recorded turn was neither painted nor verified in this run: it has no attempts.

    Attributes:
        file: relative to the session's folder.
        statement: what the relevance filter compared the attempts with; empty in older transcripts.
        attempts: all painted faces, in order.
        chosen: the number of the attempt that was shown; 0 without attempts.
        exhausted: whether there were attempts and none was accepted.
    """

    file: FaceFile
    statement: str = ""
    attempts: tuple[AttemptRecord, ...]
    chosen: int
    exhausted: bool

    @property
    def is_painted(self) -> bool:
        """Whether it was painted and verified in this run, so that there is a verdict on it."""
        return bool(self.attempts)

    @property
    def files(self) -> list[str]:
        """The files of the face and of its attempts."""
        return [self.file, *(attempt.file for attempt in self.attempts)]

    @property
    def limits(self) -> dict[str, float]:
        """The threshold of each check, by name."""
        return {check.name: check.threshold for attempt in self.attempts for check in attempt.verdict.checks}


class SeenRecord(_Record):
    """What the counselor saw in place of the face that the client showed.

    Attributes:
        condition: `neutral`: a calm face of the client; `swapped`: a face of another client; `blank`: a gray square;
            `cue`: a gray square, and the cue in words.
        file: relative to the session's folder.
        words: with `cue`, the words.
        source: with `swapped`, where the face comes from: `<run>/<idx>/<turn>`.
    """

    condition: Condition
    file: FaceFile
    words: str = ""
    source: str = ""


class TrustRecord(_Record):
    """How far the client trusted the counselor when it spoke.

    Attributes:
        points: 0…100.
        stage: `closed`, `wavering` or `open`.
        after: what the counselor's last reply did, such as `named` or `advised`; empty before the first one.
    """

    points: int = Field(ge=0, le=100)
    stage: Literal["closed", "wavering", "open"]
    after: str = ""


class Turn(_Record):
    """One turn: the client's utterance, the face and the counselor's reply.

    A turn in which the client ends the session has neither face nor reply.

    Attributes:
        number: from 1.
        cue: the visible cue of the parsed utterance.
        words: its spoken words.
        ended: whether it ends the session.
        client_raw: the utterance as the client returned it.
        trust: of a client with `client_trust: persistent`; of any other None, and not written.
        description: all fields that the describer returned.
        face: the face that the client showed.
        seen: what the counselor saw in its place, in a run whose counselor does not see the client's face.
        caption: with EC, the counselor's caption of the face.
        technique: with planning, the technique that the counselor follows in this turn; empty before it has a plan.
        plan: with planning, the steps of its plan.
        plan_text: the plan as it occurs in the counselor's prompts.
        reply: the counselor's words.
        recorded_reply: in a replayed turn, what the recorded counselor replied; else None, and not in the file.
        counselor_raw: the counselor's raw answers, by kind of prompt.
        cut_off: the kinds of prompt whose answer ran out of tokens.
        dropped_utterances: the number of oldest utterances that did not fit into the counselor's context.
        cut_characters: the number of characters cut from the beginning of the newest utterance for the same reason.
        remembered: in a later session of a client, the number of utterances of earlier ones that the counselor read;
            else None, and not in the file.
        tokens: the number of tokens used in this turn by purpose, e.g. `client_prompt`, as far as counted.
    """

    number: int = Field(ge=1)
    cue: str
    words: str
    ended: bool = False
    client_raw: str
    trust: TrustRecord | None = None
    description: Fields | None = None
    face: FaceRecord | None = None
    seen: SeenRecord | None = None
    caption: str = ""
    technique: str = ""
    plan: tuple[str, ...] = ()
    plan_text: str = ""
    reply: str = ""
    recorded_reply: str | None = Field(default=None, exclude_if=lambda value: value is None)
    counselor_raw: dict[str, str] = {}
    cut_off: tuple[str, ...] = ()
    dropped_utterances: int = 0
    cut_characters: int = 0
    remembered: int | None = Field(default=None, exclude_if=lambda value: value is None)
    tokens: dict[str, int] = {}

    @model_serializer(mode="wrap")
    def _without_unknown_trust(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Write no `trust` where there is none, as in transcripts from before it."""
        written: dict[str, Any] = write(self)
        return {name: value for name, value in written.items() if name != "trust" or value is not None}

    @property
    def files(self) -> list[str]:
        """The pictures of the turn: the face, its attempts, and what the counselor saw in its place."""
        return [*(self.face.files if self.face else ()), *([self.seen.file] if self.seen else ())]


@dataclass(frozen=True)
class Memory:
    """The earlier sessions of a client.

    Attributes:
        sessions: all turns of each, from the first session on.
        forgotten: the number of the oldest turns, over all sessions, that nobody is told any more.
    """

    sessions: tuple[tuple[Turn, ...], ...] = ()
    forgotten: int = 0

    @property
    def told(self) -> tuple[tuple[int, tuple[Turn, ...]], ...]:
        """The number of each earlier session with its turns that are not forgotten; without sessions that are."""
        found, left = [], self.forgotten
        for number, turns in enumerate(self.sessions, 1):
            if kept := turns[left:]:
                found.append((number, kept))
            left = max(0, left - len(turns))
        return tuple(found)


@dataclass(frozen=True)
class Conversation:
    """The session so far, as passed to client, describer, painter and counselor.

    Attributes:
        profile: the client.
        turns: all turns so far.
        seed: the seed of the session; of a client's first one, that of the run.
        session: the number of the session, from 1.
        memory: of the earlier sessions; empty in the first one, and in a run without memory.
    """

    profile: Profile
    turns: tuple[Turn, ...]
    seed: int
    session: int = 1
    memory: Memory = Memory()

    @property
    def number(self) -> int:
        """The number of the next turn."""
        return len(self.turns) + 1

    @property
    def dialogue(self) -> tuple[tuple[str, str], ...]:
        """The (role, words) pairs of all spoken words, with the roles `client` and `therapist`."""
        return spoken_words(self.turns)

    @property
    def ended(self) -> bool:
        """Whether the client has ended the session."""
        return bool(self.turns) and self.turns[-1].ended


def spoken_words(turns: Sequence[Turn]) -> tuple[tuple[str, str], ...]:
    """Return the (role, words) pairs of all spoken words, with the roles `client` and `therapist`."""
    said = ((("client", turn.words), ("therapist", turn.reply)) for turn in turns)
    return tuple((role, words) for exchange in said for role, words in exchange if words)
