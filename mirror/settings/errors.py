"""Error messages for invalid parameters: one line each with the source, the parameter, the value found and the remedy.

Translates pydantic's errors and recognizes common mistakes in YAML.
"""

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

NOTEBOOK = "parameter"  # the source: papermill's command line or params file, which a notebook cannot distinguish
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
PATTERNS = {r"^[a-z][a-z0-9_-]*$": "small letters, digits, - and _, beginning with a letter"}
YAML_BOOLEANS = "YAML reads on, off, yes and no as booleans: quote the text"


class SettingsError(ValueError):
    """Invalid parameters. The message has one line per fault: source, parameter, value found, remedy."""


def explain(fault: Mapping[str, Any], fields: Mapping[str, FieldInfo], where: str) -> str:
    """Translate one of pydantic's errors into one line.

    Args:
        fault: an element of `ValidationError.errors()`.
        fields: the `model_fields` of the settings.
        where: the source of the values, the beginning of the line: `params/train/x.yaml:`, or `NOTEBOOK`.
    """
    name, found = str(fault["loc"][0]), fault.get("input")
    if fault["type"] == "extra_forbidden":
        source = "" if where == NOTEBOOK else f"{where} "
        hint = _did_you_mean(name, fields) or f"; the parameters are {', '.join(fields)}"
        return f"{source}unknown parameter {name}{hint}"
    if fault["type"] == "missing" or (found is None and fields[name].annotation is not str):
        return f"{where} {name} is missing; the notebook's parameters cell lists every parameter"
    field = fields[name]
    if fault["type"] == "literal_error":
        choices = [str(choice) for choice in get_args(field.annotation)]
        hint = _did_you_mean(str(found), choices) + (f"; {YAML_BOOLEANS}" if isinstance(found, bool) else "")
        return f"{where} {name} must be one of {', '.join(choices)}, found {_show(found)}{hint}"
    if (fault["type"].endswith("_type") and fault["type"] != "dict_type") or fault["type"] == "int_from_float":
        kind = next((KINDS[one] for one in _types(field.annotation) if one in KINDS), "another type")
        return f"{where} {name} must be {kind}, found {_show(found)}{_advice(name, found, kind, where)}"
    rule = field.description or fault["msg"].removeprefix("Input should be ")
    return f"{where} {name} must be {rule}, found {_show(found)}"


def explain_place(fault: Mapping[str, Any], names: Iterable[str] = ()) -> str:
    """Translate one of pydantic's errors in a file with nested fields: `items.1.id: is missing; add it`.

    Args:
        fault: an element of `ValidationError.errors()`. Elements of a list are numbered from 1, as a person counts.
        names: of fields, of which a wrong one may be a misspelling.
    """
    parts = [part + 1 if isinstance(part, int) else part for part in fault["loc"]]
    place, rule = ".".join(map(str, parts)), fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        hint = _did_you_mean(str(parts[-1]), names)
        rule = f"is no field here; correct its name, or remove it{hint}"
    elif fault["type"] == "string_pattern_mismatch" and fault["ctx"]["pattern"] in PATTERNS:
        rule = f"must be {PATTERNS[fault['ctx']['pattern']]}, found {_show(fault['input'])}"
    elif fault["type"] == "missing":
        rule = "is missing; add it"
    elif rule.startswith("Input should be "):
        rule = f"must be {rule.removeprefix('Input should be ')}, found {_show(fault['input'])}"
    return ": ".join(filter(None, [place, rule]))


def _did_you_mean(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _types(annotation: Any) -> list[Any]:
    """Return the types in an annotation: `float` for `float | None`, with or without limits."""
    if get_origin(annotation) is Annotated:
        return _types(get_args(annotation)[0])
    return [each for argument in get_args(annotation) for each in _types(argument)] or [annotation]


def _advice(name: str, found: Any, kind: str, where: str) -> str:
    """Say how a value of the wrong type can be written."""
    if kind == "text":
        return _advice_for_text(name, found, where)
    if isinstance(found, str) and kind in (KINDS[int], KINDS[float]) and (needed := _yaml_number(found, kind)):
        is_written_so = needed == found.lstrip("+") and "e" not in needed
        return "; write it without quotes" if is_written_so else f"; YAML needs {needed}"
    return ""


def _advice_for_text(name: str, found: Any, where: str) -> str:
    """Say how a value that is not text can be given as text.

    Numbers are never converted to text: papermill turns 007 into 7 and 12e5678 into inf, YAML turns 010 into 8, and the
    original text is lost.
    """
    if isinstance(found, list | tuple | dict | set):
        return "; write it as one text, with commas between several names"
    if found is None:
        return f"; give '' for none, or `-r {name} None` for this very text"
    if where != NOTEBOOK:
        return f"; {YAML_BOOLEANS}" if isinstance(found, bool) else "; quote it"
    is_whole = isinstance(found, int) and not isinstance(found, bool)
    as_written = f"{found}` (007 stays 007)" if is_whole else "TEXT`, as you wrote it"
    return f"; papermill's -p makes numbers of such text: give `-r {name} {as_written}; in a YAML file quote it"


def _yaml_number(text: str, kind: str) -> str:
    """Rewrite a number as YAML requires: floats with digits around a dot and a signed exponent (2.0e-4), integers bare.

    Empty for text that is no finite number of this kind.
    """
    try:
        number = float(text)
    except ValueError:
        return ""
    if not math.isfinite(number) or (kind == KINDS[int] and not number.is_integer()):
        return ""
    mantissa, _, exponent = text.lower().strip().lstrip("+").replace("_", "").partition("e")
    if kind == KINDS[int] or not ("." in mantissa or exponent):
        return str(int(number))
    whole, _, rest = mantissa.partition(".")
    digits = f"{whole}0" if whole in ("", "-") else whole
    return f"{digits}.{rest or 0}" + (f"e{int(exponent):+d}" if exponent else "")


def _show(value: Any) -> str:
    if "://" in str(value):
        return "a URL, which is not shown: it may contain a secret"
    return f"the text {value!r}" if isinstance(value, str) else repr(value)
