"""OpenAI's chat format: a message as it is sent, an answer as it is read. Knows nothing of who sends it."""

import base64
import io
from typing import Annotated, Any

from PIL import Image
from pydantic import BaseModel, BeforeValidator

from mirror.chat.messages import Message

MOST_TOKENS = 10**9  # no answer has more: a greater number is no count


def as_sent(message: Message) -> dict[str, Any]:
    """The message as the body of a request has it; its images go as PNG before its words."""
    if not message.images:
        return {"role": message.role, "content": message.content}
    images = [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in message.images]
    return {"role": message.role, "content": [*images, {"type": "text", "text": message.content}]}


def _data_url(image: Image.Image) -> str:
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if is_count else None


class Said(BaseModel):
    """What a message holds: a text, or parts of which only those of text are the answer."""

    content: str | dict[str, Any] | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None

    @property
    def parts(self) -> list[Any]:
        return self.content if isinstance(self.content, list) else [self.content]

    @property
    def text(self) -> str:
        texts = [one if isinstance(one, str) else _part(one, ("text", "output_text", ""), "text") for one in self.parts]
        return "".join(texts)

    @property
    def refused(self) -> str:
        return self.refusal or "".join(_part(one, ("refusal",), "refusal") for one in self.parts)

    @property
    def thought(self) -> bool:
        """Whether the server set reasoning apart."""
        kinds = {one.get("type") for one in self.parts if isinstance(one, dict)}
        return bool(self.reasoning_content or self.reasoning or kinds & {"thinking", "reasoning", "redacted_thinking"})


class Choice(BaseModel):
    message: Said | None = None
    finish_reason: str | None = None


class Usage(BaseModel):
    prompt_tokens: Annotated[int | None, BeforeValidator(_count)] = None
    completion_tokens: Annotated[int | None, BeforeValidator(_count)] = None


class Answer(BaseModel):
    """What is read of a response; servers leave out much of the rest."""

    choices: list[Choice] | None
    model: str | None = None
    usage: Annotated[Usage | None, BeforeValidator(lambda usage: usage if isinstance(usage, dict) else None)] = None


def _part(part: Any, kinds: tuple[str, ...], name: str) -> str:
    """The text of a content part of one of the kinds; empty for any other."""
    if not isinstance(part, dict) or (part.get("type") or "") not in kinds:
        return ""
    text = part.get(name)
    text = text.get("value") if isinstance(text, dict) else text
    return text if isinstance(text, str) else ""
