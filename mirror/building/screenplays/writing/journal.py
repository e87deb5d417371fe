"""The journal of a writer, `written.jsonl`: every answer that arrived, one line each, also those that were rejected."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mirror.chat.endpoint import OK, ChatError
from mirror.chat.messages import Completion

FILE = "written.jsonl"
Fault = Literal["", "too_long", "filtered", "no_text"]
FINAL = ("too_long", "filtered")  # of the prompt: another attempt cannot help


class NoSession(RuntimeError):
    """A request whose answer holds no text, or was refused for its own sake.

    Attributes:
        fault: a short name.
        is_final: whether another attempt is useless.
    """

    def __init__(self, message: str, fault: str, is_final: bool) -> None:
        super().__init__(message)
        self.fault, self.is_final = fault, is_final


class WrittenRecord(BaseModel):
    """One answer, a line of the journal.

    Attributes:
        idx: of the dialogue.
        attempt: from 1.
        asked: SHA-256 of everything that determines the answer.
        seed: of the sampling.
        raw: the answer without the model's reasoning; empty if there is none.
        fault: why there is no text, if there is none.
        detail: the endpoint's error in that case.
        finish_reason: `stop`, or `length` at the token limit.
        model: as the endpoint reports it.
        prompt_tokens: as far as reported.
        completion_tokens: as far as reported.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    idx: str
    attempt: int = Field(ge=1)
    asked: str
    seed: int
    raw: str = ""
    fault: Fault = ""
    detail: str = ""
    finish_reason: str = ""
    model: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    @classmethod
    def of(
        cls, idx: str, attempt: int, asked: str, seed: int, answer: Completion | Exception
    ) -> "WrittenRecord | None":
        """Returns the record of an answer; None for an error that says nothing about this request alone."""
        key = {"idx": idx, "attempt": attempt, "asked": asked, "seed": seed}
        if isinstance(answer, Completion):
            values = {name: value for name, value in vars(answer).items() if name != "text"}
            return cls.model_validate({**key, **values, "raw": answer.text})
        fault = own_fault(answer)
        return cls.model_validate({**key, "fault": fault, "detail": str(answer)}) if fault else None

    @property
    def answer(self) -> Completion | NoSession:
        """The answer as it was given."""
        if self.fault:
            return NoSession(self.detail, self.fault, self.fault in FINAL)
        return Completion(self.raw, self.prompt_tokens, self.completion_tokens, self.model, self.finish_reason)


def own_fault(error: Exception) -> Fault:
    """Returns the fault of a request that an endpoint in working order did not answer; empty for any other error."""
    if not isinstance(error, ChatError):
        return ""
    if error.conversation_fault == "too long":
        return "too_long"
    if error.conversation_fault == "filtered":
        return "filtered" if error.status != OK else "no_text"
    return "no_text" if error.status == OK and not error.garbled else ""
