"""Params files: YAML with one `name: value` per line, parsed strictly."""

from pathlib import Path
from typing import Any

from mirror.files.yaml_file import AmbiguousYaml, strict_yaml
from mirror.settings.errors import SettingsError


def read_params(path: Path) -> dict[Any, Any]:
    """Read the names and values of a params file in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        SettingsError: the file is missing, is not valid YAML or not a mapping, gives a parameter twice, or contains a
            number such as 010 or 1:30, which YAML reads in base 8 or 60.
    """
    try:
        values = strict_yaml(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}; give a params file") from None
    except AmbiguousYaml as error:
        raise SettingsError(f"{path}: {error}") from None
    except ValueError as error:
        hint = "; indent with spaces, not tabs" if "\\t" in str(error) else ""
        raise SettingsError(f"{path}: invalid YAML: {error}{hint}") from None
    if not isinstance(values, dict):
        found = "an empty file" if values is None else type(values).__name__
        raise SettingsError(f"{path}: must contain one `name: value` per line, found {found}")
    return values
