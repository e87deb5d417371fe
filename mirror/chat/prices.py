"""The cost of chat models' tokens, from the setting `prices`; tokens that are not counted yet, by rules of thumb."""

import re
from collections.abc import Mapping, Sequence
from math import ceil
from typing import NamedTuple

from mirror.chat.messages import Message

MILLION = 1_000_000
CHARACTERS = 4  # of a token of English text, by OpenAI's rule of thumb
OVERHEAD = 4  # tokens of the chat format around a message, and before an answer
IMAGE = 255  # tokens of an image of up to 512 pixels with gpt-4o; other models differ by factors
_PRICE = re.compile(r"\s*(?P<model>\S+)\s+(?P<read>\d+(?:\.\d+)?)\s*/\s*(?P<written>\d+(?:\.\d+)?)\s*")


class Price(NamedTuple):
    """The price of a model in US dollars per million tokens.

    Attributes:
        read: Of prompts.
        written: Of completions.
    """

    read: float
    written: float

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Returns the cost in US dollars."""
        return (self.read * prompt_tokens + self.written * completion_tokens) / MILLION


def parse_prices(line: str) -> dict[str, Price]:
    """Parses prices such as `gpt-4o-mini 0.15/0.60, other-model 1/2`.

    Returns:
        The prices by model; empty for an empty line.

    Raises:
        ValueError: A part of the line is no price.
    """
    prices: dict[str, Price] = {}
    for part in line.split(",") if line.strip() else []:
        match = _PRICE.fullmatch(part)
        if not match:
            raise ValueError(
                f"{part.strip()!r} is no price; write the model, a space, and dollars per million prompt and "
                "completion tokens, such as gpt-4o-mini 0.15/0.60"
            )
        prices[match["model"]] = Price(float(match["read"]), float(match["written"]))
    return prices


def price_faults(line: str, models: Mapping[str, str]) -> list[str]:
    """Checks the setting `prices`.

    Args:
        line: The setting's value.
        models: The models in use, by role.

    Returns:
        One message per fault.
    """
    try:
        prices = parse_prices(line)
    except ValueError as error:
        return [f"prices: {error}"]
    known = sorted(set(models.values()))
    return [
        f"prices names {name}, which no role uses; the models in use are {', '.join(known) or 'none'}"
        for name in prices
        if name not in known
    ]


def expected_tokens(text: str) -> int:
    """The number of tokens that an English text is taken to have."""
    return ceil(len(text) / CHARACTERS)


def expected_prompt_tokens(messages: Sequence[Message]) -> int:
    """The number of tokens that a conversation is taken to have as a prompt."""
    images = sum(len(message.images) for message in messages)
    return sum(expected_tokens(one.content) + OVERHEAD for one in messages) + OVERHEAD + images * IMAGE
