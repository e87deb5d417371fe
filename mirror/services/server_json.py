"""Parses the JSON of a server's response."""

import json
from collections.abc import Sequence
from typing import Any

from mirror.files.text_file import replace_lone_surrogates


def parsed(body: str) -> Any:
    """A server's JSON, with U+FFFD in place of a lone surrogate: servers cut texts inside an emoji.

    Raises:
        ValueError: it is not JSON, or it is nested too deeply.
    """
    try:
        return _whole(json.loads(body, object_pairs_hook=_object))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    return {replace_lone_surrogates(name): _whole(value) for name, value in pairs}


def _whole(value: Any) -> Any:
    """A text or list without lone surrogates; `_object` has removed those of an object."""
    if isinstance(value, str):
        return replace_lone_surrogates(value)
    return [_whole(one) for one in value] if isinstance(value, list) else value
