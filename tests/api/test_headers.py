"""Security headers: on every response, without replacing those that a route has set."""

import asyncio
import base64
import hashlib

from api.headers import SecurityHeaders, policy_of_docs
from mirror.services.browser import POLICY, SECURITY


def sent(kind="http", *own):
    """The headers of the first message of an app with headers of its own."""

    async def app(scope, receive, send):
        await send({"type": f"{kind}.response.start", "status": 200, "headers": list(own)})
        await send({"type": f"{kind}.response.body", "body": b"x"})

    messages = []

    async def send(message):
        messages.append(message)

    asyncio.run(SecurityHeaders(app)({"type": kind}, None, send))
    assert "headers" not in messages[1]
    return {name.decode(): value.decode() for name, value in messages[0]["headers"]}


def test_every_response_has_all_of_them():
    assert sent() == {name.lower(): value for name, value in SECURITY.items()}
    assert SECURITY[POLICY].startswith("default-src 'none'")


def test_a_header_of_the_routes_own_stays():
    found = sent("http", (b"content-security-policy", b"script-src x"), (b"x-own", b"1"))
    assert found[POLICY.lower()] == "script-src x" and found["x-own"] == "1"
    assert found["x-frame-options"] == "DENY"


def test_what_is_no_http_response_is_left_alone():
    assert sent("websocket") == {}


def test_of_the_documentation_page_only_scripts_of_the_service_may_run():
    scripts = b"\nconst ui = 1\n", b"alert()"
    page = b"<script src='x'></script>" + b"".join(b"<script>%s</script>" % one for one in scripts)
    policy = policy_of_docs(page)
    (script,) = [part.split() for part in policy.split("; ") if part.startswith("script-src")]
    digests = [base64.b64encode(hashlib.sha256(one).digest()).decode() for one in scripts]
    assert script == ["script-src", "'self'", *(f"'sha256-{one}'" for one in digests)]
    assert "default-src 'none'" in policy and "unsafe-inline" not in " ".join(script)
