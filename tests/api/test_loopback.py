"""An app on a free loopback port for as long as the block runs."""

import socket
import threading
from urllib.parse import urlsplit

import pytest
import requests
from fastapi import FastAPI

from api.loopback import running
from api.settings import ServiceSettings


def app(name="one"):
    app = FastAPI()
    app.state.settings = ServiceSettings()

    @app.get("/")
    async def root() -> str:
        return name

    return app


def test_two_apps_are_served_at_a_time_and_their_ports_are_free_afterwards():
    with running(app("one")) as one, running(app("other")) as other:
        assert one != other and {urlsplit(url).hostname for url in (one, other)} == {"127.0.0.1"}
        assert [requests.get(url, timeout=60).json() for url in (one, other)] == ["one", "other"]
    for url in (one, other):
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", urlsplit(url).port), 5)


def test_a_block_that_fails_ends_its_server():
    with pytest.raises(KeyError), running(app()) as url:
        raise KeyError
    assert not [thread for thread in threading.enumerate() if thread.name == "server"]
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", urlsplit(url).port), 5)
