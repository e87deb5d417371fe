"""Checks of OpenAI-compatible endpoints: their key, and whether each answers and holds the model. Shows no secret.

An endpoint is asked for the list of its models, which costs nothing.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2

from mirror.chat.endpoint import OPENAI
from mirror.chat.roles import models_of_roles
from mirror.counseling.settings import CounselSettings
from mirror.secrets import KEY, secret_faults, secret_of_environment, separate_urls, url_faults_of_environment
from mirror.services.http_client import HttpClient
from mirror.terminal.doctor.check import Check

SECONDS = 10.0  # for an answer
ROLES = ("client", "describer", "counselor")
BASE_URL = "OPENAI_BASE_URL"
ADDRESS = "give the address up to /v1, as its server prints it: export OPENAI_BASE_URL=http://host:port/v1"
NAMES = 5  # of models that are shown


@dataclass
class Endpoint:
    """An address that a run asks.

    Attributes:
        url: up to /v1.
        models: those that it has to have, by role.
    """

    url: str
    models: dict[str, str] = field(default_factory=dict)


def keys(settings: CounselSettings) -> Iterator[Check]:
    """The key of the endpoints that a run asks; its value is not shown."""
    asked = models_of_roles(settings, ROLES)
    open_roles = {role: model for role, model in asked.items() if not getattr(settings, f"{role}_url")}
    if not open_roles:
        return
    needed = ", ".join(f"{role} {model}" for role, model in open_roles.items())
    has_server = bool(os.environ.get(BASE_URL))
    faults = _faults()
    if faults:
        yield Check(KEY, "cannot be used", needed, faults[0])
    elif os.environ.get(KEY) or has_server:
        yield Check(KEY, "set" if os.environ.get(KEY) else f"not set, and {BASE_URL} is", needed)
    else:
        yield Check(KEY, "not set", needed, f"export {KEY}=… , or export {BASE_URL}=… of a server that needs none")


def _faults() -> list[str]:
    return secret_faults(KEY) + url_faults_of_environment(BASE_URL, KEY, several=True)


def endpoints(settings: CounselSettings) -> Iterator[Check]:
    """Whether each endpoint of a run answers, takes the key, and holds the model; none is asked with a faulty key."""
    if _faults():
        return
    key = secret_of_environment(KEY)
    for one in _of_run(settings):
        if key or one.url != OPENAI:  # which refuses everybody without a key, as `keys` says
            yield _asked(one, key)


def _of_run(settings: CounselSettings) -> list[Endpoint]:
    found: dict[str, Endpoint] = {}
    for role, model in models_of_roles(settings, ROLES).items():
        text = getattr(settings, f"{role}_url") or os.environ.get(BASE_URL, "").strip() or OPENAI
        for url in separate_urls(text):
            url = url.rstrip("/")
            found.setdefault(url, Endpoint(url)).models[role] = model
    return list(found.values())


def _asked(endpoint: Endpoint, key: str) -> Check:
    name, needed = f"endpoint {endpoint.url}", ", ".join(sorted({*endpoint.models.values()}))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with HttpClient([endpoint.url], SECONDS, SECONDS) as client:
            answer = client.get(f"{endpoint.url}/models", headers=headers)
    except httpx2.RequestError as error:
        return Check(name, f"no answer ({type(error).__name__})", needed, f"start its server; or {ADDRESS}")
    if answer.status_code in (401, 403):
        refused = "the key is refused" if key else "a key is asked for"
        return Check(name, f"{refused} ({answer.status_code})", needed, f"export {KEY}=… , the key of this endpoint")
    if answer.status_code == 404:
        return Check(name, "answers 404 at /models", needed, ADDRESS)
    if answer.status_code != 200:
        return Check(name, f"answers {answer.status_code}", needed, "read its server's log or account, then try again")
    try:
        there = [str(model["id"]) for model in answer.json()["data"]]
    except (ValueError, KeyError, TypeError):
        return Check(name, "answers, and not as an OpenAI-compatible server", needed, ADDRESS)
    missing = {role: model for role, model in endpoint.models.items() if model not in there}
    if not missing:
        return Check(name, "answers, and has the model", needed)
    shown = ", ".join(there[:NAMES]) + (" …" if there[NAMES:] else "") or "none"
    found = f"has no {' or '.join(sorted({*missing.values()}))}; its models: {shown}"
    return Check(
        name, found, needed, f"name one of its models: {' '.join(f'-p {role}_model NAME' for role in missing)}"
    )
