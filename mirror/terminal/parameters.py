"""The parameters on papermill's command line, read as papermill reads them."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from papermill.cli import _resolve_type
from papermill.iorw import NoDatesSafeLoader, read_yaml_file

from mirror.settings.errors import SettingsError
from mirror.settings.params_file import read_params


def given_parameters(options: Mapping[str, Any]) -> dict[str, Any]:
    """The values that papermill will inject into the notebook, in its order: later ones replace earlier ones.

    Args:
        options: of papermill, by the names of its command.

    Raises:
        SettingsError: a params file or a YAML text cannot be read.
    """
    values: dict[str, Any] = {}
    for text in options["parameters_base64"]:
        values |= _yaml(base64.b64decode(text), "-b")
    for name in options["parameters_file"]:
        if "://" not in name:
            read_params(Path(name))  # papermill takes parameters twice, and 010 as 8; this refuses them
        values |= read_yaml_file(name) or {}
    for text in options["parameters_yaml"]:
        values |= _yaml(text, "-y")
    values |= {name: _resolve_type(value) for name, value in options["parameters"]}
    return values | dict(options["parameters_raw"])


def _yaml(text: str | bytes, option: str) -> dict[str, Any]:
    try:
        values = yaml.load(text, Loader=NoDatesSafeLoader) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"{option}: invalid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise SettingsError(f"{option}: must hold parameters by name, found {type(values).__name__}")
    return values
