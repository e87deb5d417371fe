"""Checks of the Host and Origin headers, against requests that a browser sends for web pages of other sites.

Such a page must not be able to use a model or spend a key. The rules are in `mirror.services.browser`.
"""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import Refusal
from mirror.services.browser import foreign_site, names_this_machine


class OwnPages:
    """ASGI middleware that refuses requests that a browser sends for a page of another origin."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        origins, sites = headers.getlist("origin"), headers.getlist("sec-fetch-site")
        if (foreign := foreign_site(origins, sites, headers.get("host", ""))) is not None:
            message = f"this service answers no page of another site, found {foreign[:80]!r}; open its own pages"
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
        if not names_this_machine(host):
            message = f"this service answers on this machine only, found the host {host[:80]!r}; set a token to open it"
            await Refusal("forbidden_host", message).response(scope, receive, send)
            return
        await self.app(scope, receive, send)
