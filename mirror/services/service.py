"""The client of the HTTP services in `api`: timeouts, retries on faults only, errors that say what to do.

Knows the wire format, not what the services compute.
"""

import random
import re
import time
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx2
from pydantic import BaseModel, ValidationError

from mirror.secrets import TOKEN, clean_secret, masked, secret_of_environment, url_fault
from mirror.services.http_client import LARGEST, HttpClient
from mirror.services.server_json import parsed

CONNECT_SECONDS = 5.0
BACKOFF_SECONDS = 0.5  # before the first retry; doubled before each further one
LONGEST_PAUSE = 10.0  # seconds; a longer Retry-After of a busy service is cut to this
COMMANDS = {"/verify": "python -m api.verification", "/describe": "python -m api.description"}
FAULTS = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.ProxyError, httpx2.RemoteProtocolError)
Answer = TypeVar("Answer", bound=BaseModel)


class ServiceError(RuntimeError):
    """A service gave no usable answer. The message names the URL, the fault, the number of tries, and what to do."""


def endpoint(url: str, path: str) -> str:
    """The URL of `path` (`/verify`) at `url`, which is a base URL or one that already ends in the path.

    Raises:
        ValueError: it is not a plain HTTP URL, or holds more than an address.
    """
    url = url.strip()
    if fault := url_fault("a service's URL", url, TOKEN):
        raise ValueError(fault)
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/').removesuffix(path)}"
    return base.rstrip("/") + path


def token_of_environment() -> str | None:
    """The bearer token that services require and callers send; None if none is set. Raises like `clean_secret`."""
    return secret_of_environment(TOKEN) or None


class Service:
    """One endpoint of one service. Thread-safe.

    A context manager that closes its connections; one that is asked until the process ends need not be closed.
    """

    def __init__(
        self,
        url: str,
        path: str,
        token: str | None = None,
        timeout: float = 120,
        retries: int = 3,
        largest: int = LARGEST,
    ) -> None:
        """Opens no connection yet.

        Args:
            url: base URL, or one that ends in `path`.
            path: `/verify` or `/describe`.
            token: the bearer token; None: that of the environment.
            timeout: seconds for a complete response, from connecting to its last byte.
            retries: further tries after a fault (5xx, no connection, timeout), and after nothing else.
            largest: most bytes of a response.

        Raises:
            ValueError: the URL or the token cannot be used.
        """
        self.url, self.path, self.timeout, self.retries = endpoint(url, path), path, timeout, retries
        self._token = token_of_environment() if token is None else clean_secret(token, TOKEN)
        self._client = HttpClient([self.url], timeout, CONNECT_SECONDS, largest)
        self._client.cookies.jar = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        self._client.headers |= {"Authorization": f"Bearer {self._token}"} if self._token else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections; nothing can be asked afterwards."""
        self._client.close()

    def post(
        self, data: Mapping[str, Any] | None = None, files: Mapping[str, tuple[str, bytes, str]] | None = None
    ) -> dict[str, Any]:
        """Sends a form.

        Args:
            data: the text fields.
            files: (name, content, media type) by field; bytes, not open files, because a retry sends them again.

        Returns:
            The JSON object of the answer.

        Raises:
            ServiceError: there was no usable answer.
        """
        return self._ask("POST", self.url, data=data, files=files)

    def health(self) -> dict[str, Any]:
        """The models, thresholds and limits that the service reports. Raises ServiceError if it does not answer."""
        return self._ask("GET", self.url.removesuffix(self.path) + "/health")

    def read(self, model: type[Answer], answer: Mapping[str, Any]) -> Answer:
        """`answer` validated as `model`. Raises ServiceError if it does not fit."""
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
                response = self._client.request(method, url, **content)
            except FAULTS as error:
                fault = self._unanswered(error)
                continue
            except (
                httpx2.RequestError,
                httpx2.InvalidURL,
            ) as error:  # a retry would not help: the answer is too large, …
                raise self._error(url, f"could not be asked: {error}; check the URL") from error
            if response.status_code < 500:
                return self._content(url, response)
            fault, pause = f"{_said(response, self._token)}; the service's own log says more", _pause(response)
        tries = f"{self.retries + 1} tries" if self.retries else "1 try"
        raise self._error(url, f"gave no answer after {tries}: {fault}")

    def _unanswered(self, error: httpx2.RequestError) -> str:
        """What happened to the request, and what to do."""
        command = COMMANDS.get(self.path, "its command")
        if isinstance(error, httpx2.ConnectTimeout):
            seconds = min(CONNECT_SECONDS, self.timeout)
            return f"no connection within {seconds:g} seconds; check host and port, and whether it is reachable"
        if isinstance(error, httpx2.TimeoutException):
            whole = f"no whole answer within {self.timeout:g} seconds"
            return f"{whole}; it may be overloaded: ask less at once, or wait longer"
        return f"{error or type(error).__name__}; is it running, and at this address? `{command}` starts it"

    def _content(self, url: str, response: httpx2.Response) -> dict[str, Any]:
        """The JSON of an answer below 500. Raises ServiceError for anything but success, without a retry."""
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
            answer = parsed(response.text)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            text = masked(response.text, self._token)[:200]
            found = f"{response.headers.get('Content-Type', 'no content type')}: {text!r}"
            raise self._error(url, f"answered no JSON object but {found}; is another service at this URL?")
        return answer

    def _error(self, url: str, message: str) -> ServiceError:
        return ServiceError(masked(f"{url} {message}", self._token))


def _pause(response: httpx2.Response) -> float:
    """Seconds of the Retry-After header, at most LONGEST_PAUSE."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked), LONGEST_PAUSE) if re.fullmatch("[0-9]{1,9}", asked) else 0.0


def _said(response: httpx2.Response, token: str | None) -> str:
    """Status, code and message of an error response; the start of its text if it is not the services' JSON."""
    try:
        answer = parsed(response.text)
        return f"{response.status_code} {answer['error']}: {answer['message']}"
    except (ValueError, KeyError, TypeError):
        place = response.headers.get("Location")
        text = repr(masked(response.text, token)[:200])
        return f"{response.status_code} {response.reason_phrase} {f'to {place}' if place else text}"
