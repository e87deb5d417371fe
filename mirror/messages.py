"""What is said to a chat model and what it answers. Knows nothing of where the model runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from PIL import Image


@dataclass(frozen=True)
class Message:
    """One message of a conversation; its images stand before its words."""

    role: Literal["system", "user", "assistant"]
    content: str
    images: tuple[Image.Image, ...] = ()


@dataclass(frozen=True)
class Completion:
    """A model's answer.

    Attributes:
        text: never blank from an endpoint; a local model may end at once.
        prompt_tokens, completion_tokens: None where an endpoint does not count.
        model: the model as it names itself.
        finish_reason: `stop` at its own end, `length` where it was cut off.
    """

    text: str
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str
    finish_reason: str


class ChatModel(Protocol):
    """A model behind an endpoint or in this process."""

    name: str

    def complete(
        self,
        conversations: Sequence[Sequence[Message]],
        seeds: Sequence[int],
        *,
        max_tokens: int | None = None,
    ) -> Sequence[Completion | Exception]:
        """An answer to each conversation; one that failed is an exception in its place.

        `max_tokens` replaces the model's own limit on the tokens of an answer, for this call.
        """

    def facts(self) -> Mapping[str, Any]:
        """What answers, and how it samples: for the record of a run."""


def total(tokens: Sequence[int | None]) -> int | None:
    """The sum of the counts that are there; None where nothing was counted."""
    counted = [number for number in tokens if number is not None]
    return sum(counted) if counted else None
