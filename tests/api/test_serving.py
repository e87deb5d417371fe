"""How a service starts: what it listens to, and what it warns of."""

import socket
import sys

import pytest
import uvicorn

from api.serving import is_loopback, start
from api.verification.app import VerificationSettings, create_app
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
