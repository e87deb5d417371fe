"""Messages to a chat model, its answer, and the protocol that every chat model implements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from PIL import Image


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: who says it.
        content: its text.
        images: stand before the text, or inside it.
        images_at: the number of characters of the text that precede the images.
    """

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[Image.Image, ...] = ()
    images_at: int = 0


@dataclass(frozen=True)
class Completion:
    """A model's answer.

    Attributes:
        text: The answer without the model's reasoning; never blank from an endpoint, possibly empty from a local model.
        prompt_tokens: None if the endpoint does not report it.
        completion_tokens: None if the endpoint does not report it.
        model: The model's name as the model or endpoint reports it.
        finish_reason: `stop` at the model's own end, `length` at the token limit.
    """

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str
    finish_reason: str


class NoAnswer(RuntimeError):
    """A model produced only reasoning and no answer; another attempt may succeed."""


class ChatModel(Protocol):
    """A chat model behind an endpoint or in this process."""

    @property
    def name(self) -> str:
        """The model's folder, Hub id, or name at its endpoint."""
        ...

    def complete(
        self,
        conversations: Sequence[Sequence[Message]],
        seeds: Sequence[int],
        *,
        max_tokens: int | None = None,
    ) -> Sequence[Completion | Exception]:
        """Answers each conversation.

        Args:
            conversations: The messages of each conversation.
            seeds: One sampling seed per conversation.
            max_tokens: Overrides the model's own limit on the tokens of an answer, for this call.

        Returns:
            One completion per conversation; an exception in place of one that failed.
        """
        ...

    def warm_up(self, conversations: int) -> None:
        """Compiles what answering up to so many conversations at a time will need; without it, that is done then."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Describes the model and its sampling, for the record of a run."""
        ...


def total(tokens: Sequence[int | None]) -> int | None:
    """Returns the sum of the known token counts; None if none is known."""
    counted = [number for number in tokens if number is not None]
    return sum(counted) if counted else None
