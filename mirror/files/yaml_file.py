"""Strict YAML: duplicate keys and numbers in base 8 or 60 are errors."""

import re
from typing import Any

import yaml

# YAML 1.1 reads 010 as 8 and 1:30 as 90.
OCTAL_OR_SEXAGESIMAL = re.compile(r"[-+]?(0[0-7_]+|[\d_]+(:[\d_.]+)+)")

DEEPEST = 100  # levels of nesting; the time that the parser takes grows with their square


class AmbiguousYaml(ValueError):
    """Valid YAML that is likely to mean something other than intended: a duplicate key, or a number such as 010."""


class _Loader(yaml.SafeLoader):
    """A safe loader that rejects duplicate keys, numbers in base 8 or 60, and deep nesting."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise RecursionError
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in lines:
                    raise AmbiguousYaml(f"{key.value} is given twice, in lines {lines[key.value]} and {line}; keep one")
                lines[key.value] = line
        return super().construct_mapping(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        is_float = node.tag.endswith("float")
        value = self.construct_yaml_float(node) if is_float else self.construct_yaml_int(node)
        if OCTAL_OR_SEXAGESIMAL.fullmatch(node.value):
            raise AmbiguousYaml(
                f"line {node.start_mark.line + 1}: YAML reads {node.value} as {value}; write the number as {value}, or "
                "quote the text"
            )
        return value


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


def strict_yaml(text: str | bytes) -> Any:
    """Parse a YAML text; bytes are UTF-8, or UTF-16 with a byte order mark.

    Raises:
        AmbiguousYaml: a duplicate key, or a number in base 8 or 60.
        ValueError: not valid YAML, or nested too deeply.
    """
    try:
        return yaml.load(text, _Loader)
    except AmbiguousYaml:
        raise
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
