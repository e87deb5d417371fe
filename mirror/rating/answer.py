"""Parses a judge's answer: the scores and the reason in its one JSON object."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mirror.files.text_file import replace_lone_surrogates

READINGS = 20  # the decoder reads at most this multiple of the text's length, however the text is made
BROKEN = 100  # incomplete objects after which the search stops
_START = re.compile(r"\{\s*[\"}]")
_NUMBER = re.compile(r"\s*-?\d{1,6}\s*", re.ASCII)


class Unparsable(ValueError):
    """An answer without valid scores; the message says what is wrong."""


def read_answer(text: str, choices: Mapping[str, tuple[int | str, ...]]) -> tuple[dict[str, int | str], str]:
    """Finds the one JSON object in a judge's answer and checks its values.

    Args:
        text: The answer; text around the object is ignored.
        choices: The valid values by item.

    Returns:
        The value of each item, and the reason. A number may be given as a string; nothing else is converted.

    Raises:
        Unparsable: There is no JSON object with the items, or several different ones; an item has no value, or an
            invalid one.
    """
    found = [values for values in _objects(text) if values.keys() & choices.keys()]
    if not found:
        raise Unparsable("no JSON object")
    if any(values != found[0] for values in found):
        raise Unparsable(f"{len(found)} JSON objects that differ")
    values = found[0]
    scores: dict[str, int | str] = {}
    for item, allowed in choices.items():
        value = values.get(item)
        if isinstance(value, str) and value not in allowed and _NUMBER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or value not in allowed:
            raise Unparsable(f"{item} is {value!r:.40}, none of {', '.join(map(str, allowed))}")
        scores[item] = allowed[allowed.index(value)]
    reason = values.get("reason", "")
    return scores, reason if isinstance(reason, str) else ""


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Yields the outermost JSON objects of `text` in order, in time linear in the text's length.

    Raises:
        Unparsable: An object gives two different values for one name, or too many objects are broken.
    """
    decoder = json.JSONDecoder(object_pairs_hook=_object, strict=False)  # a reason may contain line breaks
    start, left, broken = _START.search(text), READINGS * len(text), 0
    while start:
        place = start.start()
        try:
            values, end = decoder.raw_decode(text, place)
            yield values
        except Unparsable:
            raise
        except (ValueError, RecursionError) as error:
            end, broken = place + 1, broken + 1
            left -= _characters_read(error, text, place)
            if left < 0 or broken > BROKEN:
                raise Unparsable("no JSON object that could be found among many that are broken") from None
        start = _START.search(text, end)


def _characters_read(error: ValueError | RecursionError, text: str, place: int) -> int:
    """Returns how many characters the decoder read before it failed."""
    if isinstance(error, json.JSONDecodeError) and not error.msg.startswith("Unterminated"):
        return error.pos - place
    return len(text) - place


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = {replace_lone_surrogates(name): _value(value) for name, value in pairs}
    if twice := next((name for name, value in pairs if values[replace_lone_surrogates(name)] != _value(value)), None):
        raise Unparsable(f"{twice} has two values")
    return values


def _value(value: Any) -> Any:
    return replace_lone_surrogates(value) if isinstance(value, str) else value
