"""Reads a params file: YAML of one `name: value` a line, with what YAML reads in a surprising way refused.

Knows no parameter by name.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from mirror.refusals import SettingsError

# YAML 1.1 reads 010 as 8 and 1:30 as 90.
OCTAL_OR_SEXAGESIMAL = re.compile(r"[-+]?(0[0-7_]+|[\d_]+(:[\d_.]+)+)")


class _Loader(yaml.SafeLoader):
    """Safe YAML that keeps no duplicate and no number of another base."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in lines:
                    raise _Surprise(f"{key.value} is given twice, in lines {lines[key.value]} and {line}; keep one")
                lines[key.value] = line
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        is_float = node.tag.endswith("float")
        value = self.construct_yaml_float(node) if is_float else self.construct_yaml_int(node)
        if OCTAL_OR_SEXAGESIMAL.fullmatch(node.value):
            raise _Surprise(
                f"line {node.start_mark.line + 1}: YAML reads {node.value} as {value}; write the number as {value}, or "
                "quote the text"
            )
        return value


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


class _Surprise(Exception):
    """What is written is YAML, and means something else than it seems to."""


def read_params(path: Path) -> dict[Any, Any]:
    """The names and values of a params file in UTF-8, or in UTF-16 with its byte order mark.

    Raises:
        SettingsError: it is not there, no YAML, no mapping, names a parameter twice, or holds 010 or 1:30 as a number.
    """
    try:
        values = yaml.load(path.read_bytes(), _Loader)
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}; give a params file") from None
    except _Surprise as error:
        raise SettingsError(f"{path}: {error}") from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        hint = "; indent with blanks and not with tabs" if "\\t" in str(error) else ""
        raise SettingsError(f"{path}: is no YAML: {error}{hint}") from None
    if not isinstance(values, dict):
        found = "an empty file" if values is None else type(values).__name__
        raise SettingsError(f"{path}: must hold one `name: value` a line, found {found}")
    return values
