"""YAML with what is read in a surprising way refused: a name that comes twice, numbers of another base."""

import re
from typing import Any

import yaml

# YAML 1.1 reads 010 as 8 and 1:30 as 90.
OCTAL_OR_SEXAGESIMAL = re.compile(r"[-+]?(0[0-7_]+|[\d_]+(:[\d_.]+)+)")


class Surprise(ValueError):
    """What is written is YAML, and means something else than it seems to."""


class _Loader(yaml.SafeLoader):
    """Safe YAML that keeps no duplicate and no number of another base."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in lines:
                    raise Surprise(f"{key.value} is given twice, in lines {lines[key.value]} and {line}; keep one")
                lines[key.value] = line
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        is_float = node.tag.endswith("float")
        value = self.construct_yaml_float(node) if is_float else self.construct_yaml_int(node)
        if OCTAL_OR_SEXAGESIMAL.fullmatch(node.value):
            raise Surprise(
                f"line {node.start_mark.line + 1}: YAML reads {node.value} as {value}; write the number as {value}, or "
                "quote the text"
            )
        return value


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


def strict_yaml(text: str | bytes) -> Any:
    """The value of a YAML text; bytes are UTF-8, or UTF-16 with its byte order mark.

    Raises:
        Surprise: it means something else than it seems to.
        ValueError: it is no YAML, or nested too deeply to be read.
    """
    try:
        return yaml.load(text, _Loader)
    except Surprise:
        raise
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
