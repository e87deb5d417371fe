"""Reads a params file: YAML of one `name: value` a line, with what YAML reads in a surprising way refused.

Knows no parameter by name.
"""

from pathlib import Path
from typing import Any

from mirror.files.yaml_file import Surprise, strict_yaml
from mirror.settings.errors import SettingsError


def read_params(path: Path) -> dict[Any, Any]:
    """The names and values of a params file in UTF-8, or in UTF-16 with its byte order mark.

    Raises:
        SettingsError: it is not there, no YAML, no mapping, names a parameter twice, or holds 010 or 1:30 as a number.
    """
    try:
        values = strict_yaml(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}; give a params file") from None
    except Surprise as error:
        raise SettingsError(f"{path}: {error}") from None
    except ValueError as error:
        hint = "; indent with blanks and not with tabs" if "\\t" in str(error) else ""
        raise SettingsError(f"{path}: is no YAML: {error}{hint}") from None
    if not isinstance(values, dict):
        found = "an empty file" if values is None else type(values).__name__
        raise SettingsError(f"{path}: must hold one `name: value` a line, found {found}")
    return values
