"""Why a parameter is refused, in one sentence: where, what, what was found, what to do.

Knows the words of pydantic's faults and the traps of YAML, and no parameter by name.
"""

import difflib
from collections.abc import Mapping
from typing import Any, get_args

from pydantic.fields import FieldInfo


def explain(fault: Mapping[str, Any], fields: Mapping[str, FieldInfo], where: str) -> str:
    """One sentence for one of pydantic's faults: where, what, found, what to do."""
    name, found = str(fault["loc"][0]), fault.get("input")
    if fault["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, fields, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; the parameters are {', '.join(fields)}"
        return f"{where} {name} is no parameter of this notebook{hint}"
    if fault["type"] == "missing" or found is None:
        return f"{where} {name} is missing; the notebook's parameters cell lists every parameter"
    field = fields[name]
    if fault["type"] == "literal_error":
        choices = [str(choice) for choice in get_args(field.annotation)]
        near = difflib.get_close_matches(str(found), choices, n=1)
        trap = "; YAML reads on, off, yes and no as booleans: quote the text" if isinstance(found, bool) else ""
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"{where} {name} must be one of {', '.join(choices)}, found {_show(found)}{hint}{trap}"
    kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    kind = kinds.get(field.annotation, "another type")
    if fault["type"].endswith("_type") or fault["type"] == "int_from_float":
        trap = ""
        if isinstance(found, str) and kind in ("a number", "a whole number") and _is_number(found):
            needed = _yaml_number(found, kind)
            trap = (
                "; write it without quotes"
                if needed == found.lstrip("+") and "e" not in needed
                else f"; YAML needs {needed}"
            )
        elif isinstance(found, bool) and kind == "text":
            trap = "; YAML reads on, off, yes and no as booleans: quote the text"
        elif kind == "text":
            trap = "; quote it"
        return f"{where} {name} must be {kind}, found {_show(found)}{trap}"
    rule = field.description or fault["msg"].removeprefix("Input should be ")
    return f"{where} {name} must be {rule}, found {_show(found)}"


def _yaml_number(text: str, kind: str) -> str:
    """`text` as YAML reads a number: with a dot and a signed exponent, 2.0e-4; a whole one without either."""
    number = float(text)
    if kind == "a whole number" and number.is_integer():
        return str(int(number))
    mantissa, _, exponent = text.lower().partition("e")
    dotted = mantissa if "." in mantissa else f"{mantissa}.0"
    return f"{dotted}e{int(exponent):+d}" if exponent else text


def _show(value: Any) -> str:
    return f"the text {value!r}" if isinstance(value, str) else repr(value)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
