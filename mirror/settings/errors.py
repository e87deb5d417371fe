"""Why a parameter is refused, in one sentence: where, what, what was found, what to do.

Knows the words of pydantic's faults and the traps of YAML, and no parameter by name.
"""

import difflib
from collections.abc import Mapping
from typing import Annotated, Any, get_args, get_origin

from pydantic.fields import FieldInfo

NOTEBOOK = "parameter"  # where values come from: papermill's command line or its YAML, which a notebook cannot tell
KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


class SettingsError(ValueError):
    """Parameters that cannot work. The message has one line a fault: where, what, what was found, what to do."""


def explain(fault: Mapping[str, Any], fields: Mapping[str, FieldInfo], where: str) -> str:
    """One sentence for one of pydantic's faults: where, what, found, what to do."""
    name, found = str(fault["loc"][0]), fault.get("input")
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, fields, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; the parameters are {', '.join(fields)}"
        return f"{where} {name} is no parameter of this notebook{hint}"
    if fault["type"] == "missing" or (found is None and fields[name].annotation is not str):
        return f"{where} {name} is missing; the notebook's parameters cell lists every parameter"
    field = fields[name]
    if fault["type"] == "literal_error":
        choices = [str(choice) for choice in get_args(field.annotation)]
        near = difflib.get_close_matches(str(found), choices, n=1)
        trap = "; YAML reads on, off, yes and no as booleans: quote the text" if isinstance(found, bool) else ""
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{where} {name} must be one of {', '.join(choices)}, found {_show(found)}{hint}{trap}"
    kind = next((KINDS[one] for one in _kinds(field.annotation) if one in KINDS), "another type")
    if fault["type"].endswith("_type") or fault["type"] == "int_from_float":
        trap = ""
        if isinstance(found, str) and kind in ("a number", "a whole number") and _is_number(found):
            needed = _yaml_number(found, kind)
            trap = (
                "; write it without quotes"
                if needed == found.lstrip("+") and "e" not in needed
                else f"; YAML needs {needed}"
            )
        elif kind == "text":
            trap = _advice_for_text(name, found, where)
        return f"{where} {name} must be {kind}, found {_show(found)}{trap}"
    rule = field.description or fault["msg"].removeprefix("Input should be ")
    return f"{where} {name} must be {rule}, found {_show(found)}"


def _kinds(annotation: Any) -> list[Any]:
    """`float` of `float`, of `float | None`, and of either with limits."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    return [kind for one in get_args(annotation) for kind in _kinds(one)] or [annotation]


def _advice_for_text(name: str, found: Any, where: str) -> str:
    """How the value that was found can be given as text.

    No number is taken as the text that it might have been: papermill makes 7 of 007 and inf of 12e5678, YAML makes 8 of
    010, and a notebook sees nothing but the result.
    """
    if isinstance(found, list | tuple | dict | set):
        return "; write it as one text, with commas between several names"
    if found is None:
        return f"; give '' for none, or `-r {name} None` for this very text"
    if where != NOTEBOOK:
        trap = "YAML reads on, off, yes and no as booleans: quote the text" if isinstance(found, bool) else "quote it"
        return f"; {trap}"
    is_whole = isinstance(found, int) and not isinstance(found, bool)
    as_written = f"{found}` (007 stays 007)" if is_whole else "TEXT`, as you wrote it"
    return f"; papermill's -p makes numbers of such text: give `-r {name} {as_written}; in a YAML file quote it"


def _yaml_number(text: str, kind: str) -> str:
    """`text` as YAML reads a number: with a dot and a signed exponent, 2.0e-4; a whole one without either."""
    number = float(text)
    if kind == "a whole number" and number.is_integer():
        return str(int(number))
    mantissa, _, exponent = text.lower().partition("e")
    dotted = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{dotted}e{int(exponent):+d}" if exponent else text


def _show(value: Any) -> str:
    if "://" in str(value):
        return "a URL, which is not shown: it may hold a secret"
    return f"the text {value!r}" if isinstance(value, str) else repr(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
