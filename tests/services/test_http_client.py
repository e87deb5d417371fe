"""Whole answers over loopback sockets: servers that drip, flood, pack bombs, lie about themselves or lead elsewhere."""

import contextlib
import gzip
import json
import socket
import threading
import time
import zlib

import pytest

from mirror.chat.endpoint import ChatEndpoint, ChatError
from mirror.chat.messages import Message
from mirror.services.http_client import HttpClient, decoded
from mirror.services.service import Service, ServiceError
from tests.servers import Told, answer, read_request

SECONDS = 0.3
PATIENCE = 60  # seconds until a client that waits without end is let fail
SECRET = "sk-proj-very-secret-0123456789"
COMPLETION = {"choices": [{"message": {"content": "Yes."}, "finish_reason": "stop"}]}
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "MIRROR_SERVICE_TOKEN"):
        monkeypatch.delenv(name, raising=False)


class Dripping:
    """A server that sends `head` at once and then `rest` again and again, each well within any time-out, for ever."""

    def __init__(self, head, rest):
        self.head, self.rest = head, rest

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.ends = threading.Event()
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join(PATIENCE)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.threads.append(threading.Thread(target=self._drip, args=(connection,), daemon=True))
                self.threads[-1].start()

    def _drip(self, connection):
        started = time.monotonic()
        with connection, contextlib.suppress(OSError):
            read_request(connection)
            connection.sendall(self.head)
            while not self.ends.wait(0.02) and time.monotonic() - started < PATIENCE:
                connection.sendall(self.rest)


DRIPS = {
    "body": (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "headers": (HEAD + b"X-Slow: ", b"a"),
    "status": (b"", b"H"),
    "until it closes": (HEAD + b"\r\n", b" "),
}


def ask(url, **options):
    model = ChatEndpoint("some-model", f"{url}/v1", SECRET, **{"timeout": SECONDS, "retries": 0} | options)
    return model.complete([[Message("user", "Hello.")]], [1])[0]


def post(url, **options):
    options = {"timeout": SECONDS, "retries": 0} | options
    with pytest.raises(ServiceError) as caught:
        Service(url, "/verify", SECRET, **options).post({"statement": "looks sad"})
    assert SECRET not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("head, rest", DRIPS.values(), ids=DRIPS)
def test_a_server_that_sends_a_byte_at_a_time_is_given_up(head, rest):
    with Dripping(head, rest) as server:
        error = ask(server.url)
        assert not server.ends.is_set() and isinstance(error, ChatError)
        assert "did not answer in time after 1 try" in str(error)
        assert "no whole answer within 0.3 seconds" in post(server.url)


def test_the_deadline_holds_for_every_try_anew():
    with Dripping(*DRIPS["body"]) as server:
        assert ask(server.url, retries=1).tries == 2


def packed(body, encoding, **headers):
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: {encoding}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


BOMB = gzip.compress(b" " * 50_000_000)
TOO_LARGE = {
    "plain": answer(200, " " * 5_000_000),
    "bomb": packed(BOMB, "gzip"),
    "bomb in parts": packed(gzip.compress(b" " * 1_000_000) * 30, "gzip"),
    "zlib bomb": packed(zlib.compress(b" " * 50_000_000), "deflate"),
}


@pytest.mark.parametrize("content", TOO_LARGE.values(), ids=TOO_LARGE)
def test_an_answer_without_bounds_is_not_read(content):
    with Told(content) as server:
        error = ask(server.url, timeout=300.0)
        assert isinstance(error, ChatError) and "its answer is larger than 4,000,000 bytes" in str(error)
        assert "its answer is larger than 4,000,000 bytes" in post(server.url, timeout=300.0)


def test_the_size_is_a_parameter():
    with Told(answer(200, COMPLETION)) as server:
        assert "larger than 20 bytes" in str(ask(server.url, largest=20))
        assert "larger than 20 bytes" in post(server.url, largest=20)


BODY = json.dumps(COMPLETION).encode()
HONEST = {
    "gzip": packed(gzip.compress(BODY), "gzip"),
    "two parts": packed(gzip.compress(BODY[:20]) + gzip.compress(BODY[20:]), "gzip"),
    "deflate": packed(zlib.compress(BODY), "deflate"),
    "utf-16": packed(BODY.decode().encode("utf-16"), "identity"),
    "byte order mark": packed(b"\xef\xbb\xbf" + BODY, "identity"),
    "lying charset": HEAD.replace(b"json", b"json; charset=utf-16") + b"Connection: close\r\n\r\n" + BODY,
    "no charset": HEAD.replace(b"json", b"json; charset=undefined") + b"Connection: close\r\n\r\n" + BODY,
}


@pytest.mark.parametrize("content", HONEST.values(), ids=HONEST)
def test_json_is_read_as_its_bytes_say(content):
    with Told(content) as server:
        assert ask(server.url, timeout=20.0).text == "Yes."


LYING = {
    "no gzip": packed(BODY, "gzip"),
    "cut gzip": packed(gzip.compress(BODY)[:-9], "gzip"),
    "not asked for": packed(BODY, "br"),
    "unknown": packed(BODY, "x" * 5000),
}


@pytest.mark.parametrize("content", LYING.values(), ids=LYING)
def test_a_packing_that_is_none_is_an_error_of_this_answer(content):
    with Told(content) as server:
        error = ask(server.url, timeout=20.0)
        assert isinstance(error, ChatError) and "cannot be used: its answer is" in str(error)
        assert len(str(error)) < 500


def test_bytes_that_are_no_text_do_not_end_anything():
    assert decoded(b'{"a": "\xff\xfe"}') == '{"a": "\ufffd\ufffd"}'
    body = BODY.replace(b"Yes.", b"Yes\xff.")
    with Told(packed(body, "identity")) as server:
        assert ask(server.url, timeout=20.0).text == "Yes\ufffd."


def test_neither_prompts_nor_keys_follow_a_redirect():
    for status in (301, 302, 303, 307, 308):
        with Told(answer(200, COMPLETION)) as elsewhere:
            place = f"Location: {elsewhere.url}/v1/chat/completions?key={SECRET}"
            with Told(answer(status, "", place)) as server:
                error = ask(server.url, timeout=20.0)
                told = post(server.url, timeout=20.0)
        assert elsewhere.requests == []
        assert isinstance(error, ChatError) and error.status == status and SECRET not in str(error)
        assert f"it redirects to {elsewhere.url}" in str(error) and f"to {elsewhere.url}" in told


def test_trusted_certificates_are_read_once_and_again_where_the_environment_names_others(monkeypatch, tmp_path):
    def context(url):
        return HttpClient([url], 1, 1)._transport._pool._ssl_context

    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    away = "https://vendor.example"
    assert context(away) is context(away)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    assert context("http://127.0.0.1:1") is not None  # no variable counts on the loopback interface
    with pytest.raises(FileNotFoundError):
        context(away)
