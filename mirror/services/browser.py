"""What a server on this machine asks of browsers: no page of another site may use it, and none may frame or cache it.

Such a page must not be able to use a model or spend a key. Knows no server.
"""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

OWN_SITES = ("same-origin", "none")  # values of Sec-Fetch-Site: a page of this server, or the address bar
PORTS = {"http": 80, "https": 443}
POLICY = "Content-Security-Policy"
SECURITY = {
    POLICY: "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def is_loopback(host: str) -> bool:
    """Whether `host` is a loopback address or `localhost`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def names_this_machine(host: str) -> bool:
    """Whether a Host header names a loopback address; any other may be one that DNS was made to lead here.

    Args:
        host: the header, with or without a port.
    """
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is not None and is_loopback(name)


def foreign_site(origins: Iterable[str], sites: Iterable[str], host: str) -> str | None:
    """The site of another origin for whose page a browser sends a request; None if there is none.

    Args:
        origins: all Origin headers.
        sites: all Sec-Fetch-Site headers.
        host: the Host header.
    """
    foreign = [origin for origin in origins if not _is_own(origin, host)]
    foreign += [site for site in sites if site.strip().lower() not in OWN_SITES]
    return foreign[0] if foreign else None


def _is_own(origin: str, host: str) -> bool:
    """Whether `origin` is that of `host`; the scheme may differ behind a proxy that terminates TLS."""
    try:
        page = urlsplit(origin.strip())
        own = urlsplit(f"{page.scheme}://{host}")
        port = PORTS[page.scheme]
        return (page.hostname, page.port or port) == (own.hostname, own.port or port) and bool(page.hostname)
    except (ValueError, KeyError):  # `null`, another scheme, an invalid port
        return False
