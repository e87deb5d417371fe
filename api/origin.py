"""Checks of the Host and Origin headers, against requests that a browser sends for web pages of other sites.

Such a page must not be able to use a model or spend a key.
"""

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import Refusal

OWN_SITES = ("same-origin", "none")  # values of Sec-Fetch-Site: a page of this service, or the address bar
PORTS = {"http": 80, "https": 443}


class OwnPages:
    """ASGI middleware that refuses requests that a browser sends for a page of another origin."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        foreign = [origin for origin in headers.getlist("origin") if not _is_own(origin, headers.get("host", ""))]
        foreign += [site for site in headers.getlist("sec-fetch-site") if site.strip().lower() not in OWN_SITES]
        if foreign:
            message = f"this service answers no page of another site, found {foreign[0][:80]!r}; open its own pages"
            await Refusal("forbidden_origin", message).response(scope, receive, send)
            return
        await self.app(scope, receive, send)


class OwnNames:
    """ASGI middleware that refuses requests whose Host is not this machine, against DNS rebinding.

    For a service without a token that listens on a loopback address.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wraps `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        host = Headers(scope=scope).get("host", "") if scope["type"] == "http" else "localhost"
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            name = None
        if name is None or not is_loopback(name):
            message = f"this service answers on this machine only, found the host {host[:80]!r}; set a token to open it"
            await Refusal("forbidden_host", message).response(scope, receive, send)
            return
        await self.app(scope, receive, send)


def is_loopback(host: str) -> bool:
    """Whether `host` is a loopback address or `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_own(origin: str, host: str) -> bool:
    """Whether `origin` is that of `host`; the scheme may differ behind a proxy that terminates TLS."""
    try:
        page = urlsplit(origin.strip())
        own = urlsplit(f"{page.scheme}://{host}")
        port = PORTS[page.scheme]
        return (page.hostname, page.port or port) == (own.hostname, own.port or port) and bool(page.hostname)
    except (ValueError, KeyError):  # `null`, another scheme, an invalid port
        return False
