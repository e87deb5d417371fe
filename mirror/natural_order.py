"""The order of names with numbers in them, as people expect it: `client-2` before `client-10`."""

import re
from typing import Any

_NUMBERS = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[Any, ...]:
    """Return a key that sorts names with their numbers by value, however many digits they have."""
    parts = _NUMBERS.split(name)
    numbers = [number.lstrip("0") for number in parts[1::2]]
    return tuple((text, len(n), n) for text, n in zip(parts[::2], [*numbers, ""], strict=True)), name
