"""OpenAI's chat format: a message as sent, and the parts of a response that are read."""

import base64
import io
from typing import Annotated, Any

from PIL import Image
from pydantic import BaseModel, BeforeValidator

from mirror.chat.messages import Message

REASONING = ("thinking", "reasoning", "redacted_thinking")  # the types of content parts that hold it
MOST_TOKENS = 10**9  # a greater number in a response is no token count


def as_sent(message: Message) -> dict[str, Any]:
    """Returns the message in the request's format; its images are sent as PNG where they stand in its text."""
    if not message.images:
        return {"role": message.role, "content": message.content}
    images = [{"type": "image_url", "image_url": {"url": _data_url(image)}} for image in message.images]
    before = [{"type": "text", "text": message.content[: message.images_at]}] if message.images_at else []
    after = {"type": "text", "text": message.content[message.images_at :]}
    return {"role": message.role, "content": [*before, *images, after]}


def _data_url(image: Image.Image) -> str:
    file = io.BytesIO()
    image.convert("RGB").save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _count(value: Any) -> int | None:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS
    return value if is_count else None


class ResponseMessage(BaseModel):
    """The message of a response: a text, or content parts of which only text parts belong to the answer."""

    content: str | dict[str, Any] | list[Any] | None = None
    refusal: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None

    @property
    def parts(self) -> list[Any]:
        """The content as a list of parts."""
        return self.content if isinstance(self.content, list) else [self.content]

    @property
    def text(self) -> str:
        """The text of the answer; empty if there is none."""
        texts = [one if isinstance(one, str) else _part(one, ("text", "output_text", ""), "text") for one in self.parts]
        return "".join(texts)

    @property
    def refusal_text(self) -> str:
        """The model's refusal in words; empty if it did not refuse."""
        return self.refusal or "".join(_part(one, ("refusal",), "refusal") for one in self.parts)

    @property
    def has_reasoning(self) -> bool:
        """Whether the server returned reasoning apart from the text."""
        kinds = [one.get("type") for one in self.parts if isinstance(one, dict)]
        return bool(self.reasoning_content or self.reasoning) or any(kind in kinds for kind in REASONING)


class Choice(BaseModel):
    """One of the alternatives in a response."""

    message: ResponseMessage | None = None
    finish_reason: str | None = None


class Usage(BaseModel):
    """Token counts; None if the server does not report them."""

    prompt_tokens: Annotated[int | None, BeforeValidator(_count)] = None
    completion_tokens: Annotated[int | None, BeforeValidator(_count)] = None


class ChatResponse(BaseModel):
    """The fields of a response that are read; servers omit many of the others."""

    choices: list[Choice] | None
    model: str | None = None
    usage: Annotated[Usage | None, BeforeValidator(lambda usage: usage if isinstance(usage, dict) else None)] = None


def _part(part: Any, kinds: tuple[str, ...], name: str) -> str:
    """Returns the text of a content part of one of the kinds; empty for any other."""
    if not isinstance(part, dict) or (part.get("type") or "") not in kinds:
        return ""
    text = part.get(name)
    text = text.get("value") if isinstance(text, dict) else text
    return text if isinstance(text, str) else ""
