"""Connections end: half a header, half a body, an answer that nobody takes; and their number has a limit."""

import contextlib
import json
import select
import socket
import threading
from urllib.parse import urlsplit

import pytest
import requests

from api.connection import BoundedConnection
from tests.servers import ScriptedDescriber, ScriptedVerifier, description_service, verification_service

HEAD = b"POST /describe HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
BODY = json.dumps({"history": "", "client_utt": "hello"}).encode()
PAGE = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE = 60  # seconds until a test that waits for something is let fail; no test that passes waits for it
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


@contextlib.contextmanager
def connected(url, *sent):
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=PATIENCE) as connection:
        for data in sent:
            connection.sendall(data)
        yield connection


def rest(connection):
    """What comes until the service hangs up; an error if it does not within the socket's time-out."""
    pieces = []
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def drip(connection, data):
    """Sends `data` a byte in 20 ms; whether the service answers or hangs up before the end."""
    for byte in data:
        try:
            connection.sendall(bytes([byte]))
        except ConnectionError:
            return True
        if select.select([connection], [], [], 0.02)[0]:
            return True
    return False


@pytest.fixture
def received(monkeypatch):
    """A semaphore that is released whenever a connection of the service has taken in what was sent."""
    semaphore, real = threading.Semaphore(0), BoundedConnection.data_received

    def data_received(self, data):
        real(self, data)
        semaphore.release()

    monkeypatch.setattr(BoundedConnection, "data_received", data_received)
    return semaphore


HALF = {
    "half a header": (HEAD[:30], b" 408 "),
    "a header but for its last line": (HEAD, b" 408 "),
    "nothing": (b"", b""),
    "half a TLS handshake": (b"\x16\x03\x01\x02\x00\x01", b""),
}


@pytest.mark.slow
@pytest.mark.parametrize("sent, status", HALF.values(), ids=HALF)
def test_a_header_that_does_not_arrive_ends_the_connection(sent, status):
    with description_service(ScriptedDescriber(), header_seconds=0.2) as url, connected(url, sent) as connection:
        answer = rest(connection)
    assert status in answer and bool(answer) >= bool(status)
    if status:
        assert b'"upload_timed_out"' in answer and b"0.2 seconds" in answer and b"nosniff" in answer


def test_a_header_that_drips_has_no_more_time_than_one_that_stops():
    with description_service(ScriptedDescriber(), header_seconds=0.3) as url, connected(url) as connection:
        assert drip(connection, HEAD * 15)  # for 20 seconds, if nobody ends it


def test_the_second_header_of_a_connection_has_a_deadline_too():
    """uvicorn's own, of silence between two requests, ends with the first byte."""
    with description_service(ScriptedDescriber(), header_seconds=0.3) as url, connected(url, WHOLE) as connection:
        assert b" 200 OK" in connection.recv(65536)
        connection.sendall(HEAD[:20])
        assert b" 408 " in rest(connection)


def test_the_rest_of_a_refused_body_has_a_deadline():
    """The answer is out before the body is in, and the body need never end."""
    with description_service(ScriptedDescriber(), "swordfish", header_seconds=0.3) as url:
        with connected(url, HEAD, b"Content-Length: 100000\r\n\r\n") as connection:
            assert b" 401 " in connection.recv(65536)  # without a byte of the body
            assert drip(connection, b"x" * 1000)


def test_a_body_that_drips_is_given_up():
    with description_service(ScriptedDescriber(), upload_seconds=0.2) as url:
        with connected(url, HEAD, b"Content-Length: 100000\r\n\r\n{") as connection:
            assert b" 408 " in rest(connection)


@pytest.fixture
def lost(monkeypatch):
    """A semaphore that is released whenever the service has let a connection go.

    The system takes in little of what a connection writes, so that a few answers that nobody reads are enough anywhere.
    """
    semaphore, made, lost = threading.Semaphore(0), BoundedConnection.connection_made, BoundedConnection.connection_lost

    def connection_made(self, transport):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        made(self, transport)

    def connection_lost(self, error):
        lost(self, error)
        semaphore.release()

    monkeypatch.setattr(BoundedConnection, "connection_made", connection_made)
    monkeypatch.setattr(BoundedConnection, "connection_lost", connection_lost)
    return semaphore


UNREAD = {
    "much": (PAGE * 200, b""),  # far more than a connection holds back before it stops writing
    "less than a connection holds back, then half a header": (PAGE * 3, HEAD),
    "less than a connection holds back, then no HTTP": (PAGE * 3, b"\x00\x01\x02\r\n\r\n"),
    "less than a connection holds back, then a last request": (PAGE * 3, PAGE[:-2] + b"Connection: close\r\n\r\n"),
}


@pytest.mark.slow
@pytest.mark.parametrize("pages, last", UNREAD.values(), ids=UNREAD)
def test_a_client_that_takes_no_answer_is_left(pages, last, lost):
    with description_service(ScriptedDescriber(), upload_seconds=0.2, header_seconds=0.2) as url:
        with connected(url) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.sendall(pages + last)  # what both systems hold: this waits for nobody
            assert lost.acquire(timeout=PATIENCE)
        assert requests.get(f"{url}/health", timeout=PATIENCE).status_code == 200


@pytest.mark.slow
def test_250_half_sent_requests_are_closed_and_others_answered_meanwhile():
    with description_service(ScriptedDescriber(), header_seconds=1.5, max_connections=64) as url:
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(connected(url, HEAD)) for _ in range(250)]
            answer = requests.post(
                f"{url}/describe", BODY, headers={"Content-Type": "application/json"}, timeout=PATIENCE
            )
            assert answer.status_code == 200
            assert all(b" 200 " not in rest(connection) for connection in held)


def test_one_connection_too_many_replaces_the_one_that_waits_longest(received):
    with description_service(ScriptedDescriber(), header_seconds=60, max_connections=2) as url:
        with connected(url, HEAD) as first, connected(url, HEAD) as second:
            assert received.acquire(timeout=PATIENCE) and received.acquire(timeout=PATIENCE)
            with connected(url, WHOLE) as third:
                assert b" 200 OK" in third.recv(65536)
                assert b" 408 " in rest(first)
                second.sendall(WHOLE[len(HEAD) :])
                assert b" 200 OK" in second.recv(65536)


def test_where_every_connection_has_a_request_one_more_is_told_busy(received):
    describer = ScriptedDescriber()
    describer.gate.clear()
    with description_service(describer, max_connections=2) as url:
        with connected(url, WHOLE) as first, connected(url, WHOLE) as second:
            assert received.acquire(timeout=PATIENCE) and received.acquire(timeout=PATIENCE)
            with connected(url) as third:
                answer = rest(third)
            assert b" 503 " in answer and b"Retry-After: 1" in answer.replace(b"retry-after", b"Retry-After")
            describer.gate.set()
            assert b" 200 OK" in first.recv(65536) and b" 200 OK" in second.recv(65536)


GARBAGE = {
    "no HTTP": b"\x00\x01\x02\r\n\r\n",
    "an endless header line": HEAD + b"X: " + b"a" * 200_000,
    "endless header lines": HEAD + b"X: a\r\n" * 20_000,
    "a header line of 32 kB": HEAD + b"X: " + b"a" * 32_000 + b"\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    "two hosts": HEAD + b"Host: other\r\n\r\n",
    "a broken chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_http_is_refused_in_the_form_of_every_refusal(data, caplog):
    with description_service(ScriptedDescriber()) as url:
        with connected(url) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
            answer = rest(connection)
        assert requests.get(f"{url}/health", timeout=PATIENCE).status_code == 200
    head, _, body = answer.partition(b"\r\n\r\n")
    if answer:  # a reset may overtake the answer where much was sent for nothing
        assert b" 400 " in head and b"nosniff" in head and json.loads(body)["error"] == "invalid_request"
    else:
        assert len(data) > 16384
    assert "Traceback" not in caplog.text


def test_garbage_behind_a_refused_request_ends_the_connection_without_a_traceback(caplog):
    with description_service(ScriptedDescriber(), "swordfish") as url:
        with connected(url, HEAD, b"Transfer-Encoding: chunked\r\n\r\n") as connection:
            assert b" 401 " in connection.recv(65536)
            connection.sendall(b"no chunk\r\n")
            rest(connection)
    assert "Traceback" not in caplog.text


def test_half_closed_and_gone_clients_leave_nothing_behind():
    with verification_service(ScriptedVerifier(), header_seconds=0.3, upload_seconds=0.3) as url:
        for data in (b"", HEAD, HEAD.replace(b"describe", b"verify") + b"Content-Length: 9\r\n\r\nab"):
            with connected(url, data) as connection:
                connection.shutdown(socket.SHUT_WR)
                rest(connection)
        assert requests.get(f"{url}/health", timeout=PATIENCE).status_code == 200


@pytest.mark.parametrize("authorization", ["", "Authorization: Bearer wrong\r\n"])
def test_the_token_is_looked_at_before_the_body_arrives(authorization):
    describer = ScriptedDescriber()
    with description_service(describer, "swordfish", queue=1) as url:
        head = HEAD + authorization.encode() + b"Expect: 100-continue\r\nContent-Length: 100000\r\n\r\n"
        with connected(url, head) as one, connected(url, head) as other:
            for connection in (one, other):  # and a place in the queue, of which there is one, is not taken
                answer = connection.recv(65536)
                assert b" 401 " in answer and b" 100 " not in answer
