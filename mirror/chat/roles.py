"""The settings of roles that a chat model may play: `<role>`, `<role>_model` and `<role>_url`, checked in one place."""

import os
from collections.abc import Iterable
from typing import Any

from mirror.secrets import KEY, secret_faults, url_faults_of_environment

REMOTE = ("openai", "served")  # played by a model behind an endpoint


def models_of_roles(settings: Any, roles: Iterable[str]) -> dict[str, str]:
    """The models behind endpoints, by role.

    Args:
        settings: has the three parameters of each role; `<role>` is one of `REMOTE` where an endpoint plays it.
        roles: their names: `client`, `describer`, …
    """
    return {role: getattr(settings, f"{role}_model") for role in roles if getattr(settings, role) in REMOTE}


def unnamed_models(settings: Any, roles: Iterable[str]) -> list[str]:
    """The faults of roles that a chat model plays, here or behind an endpoint, without saying which."""
    return [
        f"{role}_model must name a model where {role} is {getattr(settings, role)}, found the empty text"
        for role in roles
        if getattr(settings, role) in (*REMOTE, "local") and not getattr(settings, f"{role}_model")
    ]


def endpoints_missing(settings: Any, roles: Iterable[str]) -> list[str]:
    """What this machine lacks to ask the endpoints of the roles: a key, an address, or a usable form of them."""
    asked = list(models_of_roles(settings, roles))
    if not asked:
        return []
    urls = {role: getattr(settings, f"{role}_url") for role in asked}
    known = os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY")
    faults = [
        f"{role} is openai, and OPENAI_API_KEY is not set; set it, or give {role}_url"
        for role, url in urls.items()
        if not url and not known
    ]
    faults += secret_faults(KEY)
    return faults + ([] if all(urls.values()) else url_faults_of_environment("OPENAI_BASE_URL", KEY, several=True))
