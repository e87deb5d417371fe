"""Strict JSON: no NaN, infinities, duplicate keys or lone surrogates, neither written nor read."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from mirror.files.atomic import write_text
from mirror.files.text_file import lone_surrogate
from mirror.paths import display_path


def write_json(path: Path, value: Any) -> None:
    """Write `value` as strict JSON, atomically.

    Raises:
        ValueError: `value` contains NaN or an infinity, which JSON cannot represent.
    """
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def strict_json(text: str | bytes, lenient: bool = False) -> Any:
    """Parse a JSON text; bytes are UTF-8, with or without a byte order mark.

    Args:
        text: the JSON text.
        lenient: read NaN and infinities, which Python's libraries write for missing values, as null, and let lone
            surrogates pass, for a reader that reports them per record.

    Raises:
        ValueError: not valid JSON, a duplicate key, NaN or an infinity, or a lone surrogate, which cannot be saved as
            UTF-8. The message says what and where.
    """
    text = text.decode("utf-8-sig") if isinstance(text, bytes) else text
    try:
        constant = _null if lenient else _no_number
        value = json.loads(text, object_pairs_hook=_object, parse_constant=constant, parse_float=_finite)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not lenient and "\\u" in text and (half := lone_surrogate(json.dumps(value, ensure_ascii=False))):
        raise ValueError(f"holds {half.partition(' at ')[0]}")
    return value


def read_json(path: Path) -> dict[str, Any]:
    """Read the object in a JSON file.

    Raises:
        OSError: the file cannot be read.
        ValueError: as for `strict_json`, or the value is not an object. The message names the file.
    """
    try:
        value = strict_json(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{display_path(path)} is damaged: cannot be read as JSON ({error})") from None
    if not isinstance(value, dict):
        raise ValueError(f"{display_path(path)} is damaged: must hold one object, found {type(value).__name__}")
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"names {Counter(names).most_common(1)[0][0]!r:.80} twice")
    return values


def _null(name: str) -> None:
    return None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"holds {name}, which JSON does not have")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"holds {text:.40}, which is too large for a number")
    return number
