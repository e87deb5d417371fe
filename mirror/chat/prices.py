"""What the tokens of chat models cost, by a line of prices. Knows nothing of models or of who asks them."""

import re
from collections.abc import Mapping
from typing import NamedTuple

MILLION = 1_000_000
_PRICE = re.compile(r"\s*(?P<model>\S+)\s+(?P<read>\d+(?:\.\d+)?)\s*/\s*(?P<written>\d+(?:\.\d+)?)\s*")


class Price(NamedTuple):
    """Dollars per million tokens: of prompts, and of completions."""

    read: float
    written: float

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """In dollars."""
        return (self.read * prompt_tokens + self.written * completion_tokens) / MILLION


def parse_prices(line: str) -> dict[str, Price]:
    """The prices by model of `gpt-4o-mini 0.15/0.60, other-model 1/2`; none of an empty line.

    Raises:
        ValueError: a part that is no price.
    """
    prices = {}
    for part in line.split(",") if line.strip() else []:
        match = _PRICE.fullmatch(part)
        if not match:
            raise ValueError(
                f"{part.strip()!r} is no price; write the model, a blank, and dollars per million tokens read and "
                "written, such as gpt-4o-mini 0.15/0.60"
            )
        prices[match["model"]] = Price(float(match["read"]), float(match["written"]))
    return prices


def price_faults(line: str, models: Mapping[str, str]) -> list[str]:
    """What is wrong with the parameter `prices` where `models` (by role) are asked."""
    try:
        prices = parse_prices(line)
    except ValueError as error:
        return [f"prices: {error}"]
    known = sorted(set(models.values()))
    return [
        f"prices names {name}, which no role asks; the models asked are {', '.join(known) or 'none'}"
        for name in prices
        if name not in known
    ]
