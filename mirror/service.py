"""The client of an HTTP service of `api`: time-outs, retries on faults only, errors that say what to do.

Knows the wire, not what the services are for.
"""

import random
import re
import time
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, ValidationError
from requests.adapters import HTTPAdapter

from mirror.secret import TOKEN, clean_secret, masked, secret_of_environment

CONNECT_SECONDS = 5.0
BACKOFF_SECONDS = 0.5  # before the second try; doubled before each further one
LONGEST_PAUSE = 10.0  # seconds that a busy service's Retry-After can ask for
MAX_ANSWER_BYTES = 4 * 2**20  # a verdict or a description has a few thousand
PIECE_BYTES = 64 * 2**10  # of an answer that are read at a time
CONNECTIONS = 32  # that are kept open; more are made where more threads ask at once
COMMANDS = {"/verify": "python -m api.verification", "/describe": "python -m api.description"}
FAULTS = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
Answer = TypeVar("Answer", bound=BaseModel)


class ServiceError(RuntimeError):
    """A service gave no answer. The message names the URL, what happened after how many tries, and what to do."""


def endpoint(url: str, path: str) -> str:
    """The URL of `path` (`/verify`) at `url`, which is a base URL or one that already ends in the path.

    Raises ValueError for what is no plain HTTP URL.
    """
    try:
        parts = urlsplit(url.strip())
        plain = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:  # a port that is no number, a bracket that stays open, a name that is too long
        plain = False
    if not plain or parts.username or parts.password or parts.query or parts.fragment:
        shown = url.strip().rsplit("@", 1)[-1].partition("?")[0]
        raise ValueError(
            f"a service's URL must read http://host:port or http://host:port/path, found {shown!r}"
            f"{' and more' if '@' in url or '?' in url else ''}; a secret goes into {TOKEN}"
        )
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(path)}"
    return base.rstrip("/") + path


def token_of_environment() -> str | None:
    """The bearer token that services ask for and callers send; None where none is set. Raises like `clean_secret`."""
    return secret_of_environment(TOKEN) or None


class BearerAuth(requests.auth.AuthBase):
    """The token on its way; having an auth of its own also keeps requests from taking one out of ~/.netrc."""

    def __init__(self, token: str | None) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request


class Service:
    """One endpoint of one service; may be used from several threads at once.

    Args:
        url: base URL, or one that ends in `path`.
        path: `/verify` or `/describe`.
        token: the bearer token; by default that of the environment.
        timeout: seconds for a whole try, and without a sign of the answer, until it is given up.
        retries: how many tries may follow the first, after a fault (5xx, no connection, time-out) and nothing else.
    """

    def __init__(self, url: str, path: str, token: str | None = None, timeout: float = 120, retries: int = 3) -> None:
        self.url, self.path, self.timeout, self.retries = endpoint(url, path), path, timeout, retries
        self._token = token_of_environment() if token is None else clean_secret(token, TOKEN)
        self._session = requests.Session()
        self._session.auth = BearerAuth(self._token)
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        if urlsplit(self.url).hostname in ("127.0.0.1", "::1", "localhost"):
            self._session.trust_env = False  # a proxy of the environment does not reach this machine's loopback
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def post(
        self, data: Mapping[str, Any] | None = None, files: Mapping[str, tuple[str, bytes, str]] | None = None
    ) -> dict[str, Any]:
        """The service's answer to a form. Raises ServiceError.

        `files`: name, content and type of each, by field. Bytes, not open files: a second try sends them again.
        """
        return self._ask("POST", self.url, data=data, files=files)

    def health(self) -> dict[str, Any]:
        """What the service says of itself: models, thresholds, limits. Raises ServiceError."""
        return self._ask("GET", self.url.removesuffix(self.path) + "/health")

    def read(self, model: type[Answer], answer: Mapping[str, Any]) -> Answer:
        """`answer` as `model`; ServiceError where it has another shape."""
        try:
            return model.model_validate(answer)
        except ValidationError as error:
            fault = error.errors()[0]
            where = ".".join(map(str, fault["loc"]))
            found = masked(repr(answer), self._token)[:200]
            raise self._error(
                self.url,
                f"answered no {model.__name__}: {where or 'it'}: {fault['msg']}; found {found}; "
                "is another service, or another version of it, at this URL?",
            ) from None

    def _ask(self, method: str, url: str, **content: Any) -> dict[str, Any]:
        fault, pause = "", 0.0
        for tried in range(self.retries + 1):
            if tried:
                time.sleep(max(BACKOFF_SECONDS * 2 ** (tried - 1) * random.uniform(0.75, 1.25), pause))
            pause = 0.0
            try:
                response = self._answer(method, url, content)
            except FAULTS as error:
                fault = self._unanswered(error)
                continue
            except requests.RequestException as error:  # no fault that may pass: a host name that is none, …
                raise self._error(url, f"could not be asked: {error}; check the URL") from error
            if response.status_code < 500:
                return self._content(url, response)
            fault, pause = f"{_said(response, self._token)}; the service's own log says more", _pause(response)
        tries = f"{self.retries + 1} tries" if self.retries else "1 try"
        raise self._error(url, f"gave no answer after {tries}: {fault}")

    def _answer(self, method: str, url: str, content: Mapping[str, Any]) -> requests.Response:
        """A whole answer, within its time and size: a read's time-out alone never ends what drips byte by byte."""
        deadline = time.monotonic() + self.timeout
        options = {"timeout": (CONNECT_SECONDS, self.timeout), "allow_redirects": False, "stream": True}
        with self._session.request(method, url, **options, **content) as response:
            response.raw.stream = lambda *_, **__: _pieces(response, deadline)  # which requests reads the content by
            _ = response.content
        return response

    def _unanswered(self, error: requests.RequestException) -> str:
        """What happened on the way, and what to do."""
        command = COMMANDS.get(self.path, "its command")
        if isinstance(error, requests.ConnectTimeout):
            return f"no connection within {CONNECT_SECONDS:g} seconds; check host and port, and whether it is reachable"
        if isinstance(error, requests.Timeout):
            return f"nothing within {self.timeout:g} seconds; it may be overloaded: ask less at once, or wait longer"
        reason = error.args[0] if error.args else error
        reason = getattr(reason, "reason", reason)
        return f"{reason}; is it running, and at this address? `{command}` starts it"

    def _content(self, url: str, response: requests.Response) -> dict[str, Any]:
        """The JSON of an answer below 500; ServiceError for anything but success, which is never asked for again."""
        status = response.status_code
        if status >= 300:
            advice = {
                401: f"set {TOKEN} to the token of the service",
                403: f"set {TOKEN} to the token of the service",
                404: "check the path of the URL, and that it is the right service's",
                405: "check the path of the URL, and that it is the right service's",
            }.get(status, "the request has to change" if status >= 400 else "set the URL to where it leads")
            raise self._error(url, f"answered {_said(response, self._token)}; {advice}")
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            text = masked(response.text, self._token)[:200]
            found = f"{response.headers.get('Content-Type', 'no content type')}: {text!r}"
            raise self._error(url, f"answered no JSON object but {found}; is another service at this URL?")
        return answer

    def _error(self, url: str, message: str) -> ServiceError:
        return ServiceError(masked(f"{url} {message}", self._token))


def _pieces(response: requests.Response, deadline: float) -> Iterator[bytes]:
    """The body as it arrives. Raises requests' Timeout, and its RequestException for one that is too long."""
    size = 0
    read = response.raw.read1
    while piece := read(PIECE_BYTES, decode_content=True):
        size += len(piece)
        if size > MAX_ANSWER_BYTES:
            raise requests.RequestException(f"its answer is longer than {MAX_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise requests.Timeout("the answer did not end")
        yield piece


def _pause(response: requests.Response) -> float:
    """Seconds that the service asks to wait for, within reason."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_PAUSE) if re.fullmatch("[0-9]{1,9}", asked) else 0.0


def _said(response: requests.Response, token: str | None) -> str:
    """Status, code and message of an answer that is none; the start of it where it is not the services' JSON."""
    try:
        answer = response.json()
        return f"{response.status_code} {answer['error']}: {answer['message']}"
    except (ValueError, KeyError, TypeError):
        place = response.headers.get("Location")
        text = repr(masked(response.text, token)[:200])
        return f"{response.status_code} {response.reason} {f'to {place}' if place else text}"
