"""How a service starts: what it listens to, and what it warns of."""

import asyncio
import html
import os
import socket
import sys

import httpx2
import pytest
import uvicorn
from uvicorn.config import STARTUP_FAILURE

from api import workers
from api.serving import Worker, bind, is_loopback, server_config, start
from api.verification.app import VerificationSettings, create_app
from mirror.html_page import NOTICE
from mirror.services.browser import POLICY, SECURITY
from tests.servers import ScriptedVerifier


@pytest.mark.parametrize(
    "host, token, warned", [("0.0.0.0", None, True), ("0.0.0.0", "t", False), ("127.0.0.1", None, False)]
)
def test_listening_to_all_the_world_without_a_token_is_warned_of(host, token, warned, monkeypatch, caplog):
    monkeypatch.setattr(sys, "argv", ["verification", "--host", host, "--port", "0"])
    monkeypatch.setattr(uvicorn.Server, "run", lambda server, sockets: [s.close() for s in sockets])
    monkeypatch.setattr(socket.socket, "listen", lambda *_: None)  # nobody outside is to reach a test
    monkeypatch.delenv("MIRROR_SERVICE_TOKEN", raising=False)
    if token:
        monkeypatch.setenv("MIRROR_SERVICE_TOKEN", token)
    with caplog.at_level("INFO"):
        assert start("verification", VerificationSettings, lambda settings: ScriptedVerifier(), create_app) == 0
    assert ("without a token" in caplog.text) is warned


def test_loopback_addresses_are_known():
    assert all(map(is_loopback, ("127.0.0.1", "127.1.2.3", "::1", "localhost")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "10.0.0.1", "example.org")))


def test_a_fault_at_the_start_is_one_sentence(monkeypatch, capsys):
    def load(settings):
        raise ValueError("no model\n  at ./nowhere")

    monkeypatch.setattr(sys, "argv", ["verification", "--port", "0"])
    monkeypatch.delenv("MIRROR_SERVICE_TOKEN", raising=False)
    assert start("verification", VerificationSettings, load, create_app) == 1
    assert capsys.readouterr().err == "verification: no model at ./nowhere\n"
    monkeypatch.setenv("MIRROR_SERVICE_TOKEN", "sword fish")
    assert start("verification", VerificationSettings, load, create_app) == 2
    assert "sword" not in capsys.readouterr().err


@pytest.mark.parametrize("fault", [None, ValueError("no model\n  at ./nowhere")])
def test_a_worker_makes_its_app_or_ends_with_one_sentence(fault, tmp_path, monkeypatch, capsys, caplog):
    def load(settings):
        if fault:
            raise fault
        return ScriptedVerifier()

    monkeypatch.setattr(workers, "held", [])
    monkeypatch.setenv(workers.VISIBLE, "")
    monkeypatch.delenv("MIRROR_SERVICE_TOKEN", raising=False)
    worker = Worker("verification", VerificationSettings(workers=2), load, create_app, tmp_path)
    if fault:
        with pytest.raises(SystemExit) as ended:
            worker()
        assert ended.value.code == STARTUP_FAILURE
        assert capsys.readouterr().err == "verification: no model at ./nowhere\n"
    else:
        with caplog.at_level("INFO"):
            assert answer(worker(), "/health").json()["workers"] == 2
        assert f"worker 0 is ready, process {os.getpid()}" in caplog.text
    for lock in workers.held:
        lock.release()


def test_a_port_that_is_taken_is_named_before_anything_is_loaded():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"cannot listen at 127.0.0.1, port {port}: .*choose others: --host, --port"):
            bind("127.0.0.1", port)
    with pytest.raises(OSError, match="cannot listen at no.such.host.invalid, port 0"):
        bind("no.such.host.invalid", 0)


@pytest.mark.parametrize("token", [None, "swordfish"])
def test_an_app_describes_itself_within_its_own_policy(token):
    app = create_app(ScriptedVerifier(), VerificationSettings(max_batch=3), token)
    found = {path: answer(app, path) for path in ("/", "/health", "/docs", "/openapi.json")}
    assert {one.status_code for one in found.values()} == {200}
    health = found["/health"].json()
    assert (health["name"], health["facts"]["model"], health["limits"]["max_batch"]) == ("verification", "scripted", 3)
    assert {one.headers["x-frame-options"] for one in found.values()} == {"DENY"}
    assert {one.headers["x-content-type-options"] for one in found.values()} == {SECURITY["X-Content-Type-Options"]}
    assert all(
        "default-src 'none'" in one.headers[POLICY] and "http" not in one.headers[POLICY] for one in found.values()
    )
    assert 'href="health"' in found["/"].text and ('id="token"' in found["/"].text) is (token is not None)
    assert html.escape(NOTICE) in found["/"].text and NOTICE.startswith("Research software, not care")
    declared = found["/openapi.json"].json()["paths"]["/health"]["get"]["responses"]["403"]["description"]
    assert ("forbidden_host" in declared) is (token is None)


def answer(app, path):
    async def ask():
        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.get(path)

    return asyncio.run(ask())


def test_connections_are_bounded_by_the_settings():
    settings = VerificationSettings(header_seconds=3, upload_seconds=4, max_connections=5)
    config = server_config(create_app(ScriptedVerifier(), settings), access_log=False)
    assert config.http.keywords == {"header_seconds": 3, "answer_seconds": 4, "max_connections": 5}
    assert not config.server_header and config.ws == "none" and not config.access_log
