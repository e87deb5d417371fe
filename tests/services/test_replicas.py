"""Which of several servers is asked, which are left alone, and for how long."""

import threading

import httpx2
import pytest

from mirror.services.replicas import Replicas

A, B, C = (f"http://{name}:80{number}/v1" for number, name in enumerate("abc"))


class Servers:
    """Answers for hosts: a status, an exception, or a function of the request."""

    def __init__(self, urls=(A, B, C), **answers):
        self.answers = {"a": 200, "b": 200, "c": 200} | answers
        self.now = 0.0
        self.asked = []
        self.replicas = Replicas(urls, 30.0, lambda: self.now)

    def ask(self, path="/chat"):
        request = httpx2.Request("POST", f"{A}{path}", content=b"{}", headers={"X-Try": "1"})
        return self.replicas.send(request, self.answer)

    def answer(self, request):
        self.asked.append(request.url.host)
        found = self.answers[request.url.host]
        found = found(request) if callable(found) else found
        if isinstance(found, Exception):
            raise found
        return httpx2.Response(found, request=request)


def test_requests_one_after_the_other_go_round():
    servers = Servers()
    for _ in range(6):
        servers.ask()
    assert servers.asked == ["a", "b", "c"] * 2


def test_a_request_is_moved_with_its_body_headers_and_path():
    urls = ("http://a:1/v1", "http://b:2/other/v1/")
    servers = Servers(urls)
    replies = [
        servers.replicas.send(
            httpx2.Request("POST", "http://a:1/v1/chat/completions", content=b"{1}", headers={"X-Try": "1"}),
            servers.answer,
        )
        for _ in range(2)
    ]
    first, second = (reply.request for reply in replies)
    assert (str(first.url), str(second.url)) == (
        "http://a:1/v1/chat/completions",
        "http://b:2/other/v1/chat/completions",
    )
    assert second.read() == b"{1}" and second.headers["x-try"] == "1" and second.headers["host"] == "b:2"
    assert second.headers["content-length"] == "3" and first.headers["host"] == "a:1"


def test_the_one_with_the_fewest_requests_under_way_is_asked():
    """The first two requests wait; the third and fourth go to the server that is free."""
    servers = Servers(urls=(A, B))
    held, free = threading.Event(), threading.Event()

    def hold(request):
        held.set()
        free.wait(30)
        return 200

    servers.answers["a"] = hold
    waiting = threading.Thread(target=servers.ask)
    waiting.start()
    assert held.wait(30)
    servers.ask()
    servers.ask()
    free.set()
    waiting.join(30)
    assert servers.asked == ["a", "b", "b"]


@pytest.mark.parametrize("failure", [500, 503, httpx2.ConnectError("refused"), httpx2.ReadTimeout("late")])
def test_one_that_fails_is_left_alone_for_a_while_and_its_request_goes_to_another(failure, caplog):
    servers = Servers(a=failure)
    assert servers.ask().status_code == 200 and servers.asked == ["a", "b"]
    servers.asked.clear()
    for servers.now in (1.0, 15.0, 29.0):
        servers.ask()
    assert "a" not in servers.asked
    assert [record.getMessage().split(" (")[0] for record in caplog.records] == [f"{A} failed"]


@pytest.mark.parametrize("status", [200, 400, 401, 404, 429])
def test_what_a_server_refuses_is_no_failure(status):
    servers = Servers(a=status)
    assert servers.ask().status_code == status and servers.asked == ["a"]


def test_one_that_was_left_alone_is_tried_by_one_request_first():
    """Meanwhile the others go elsewhere, because it may take long to fail again."""
    servers = Servers(urls=(A, B), a=500)
    servers.ask()
    servers.asked.clear()
    servers.now = 31.0

    def hold(request):
        servers.answers["a"] = 500  # nobody else comes here meanwhile
        for _ in range(3):
            servers.ask()
        return 200

    servers.answers["a"] = hold
    servers.ask()
    assert servers.asked == ["a", "b", "b", "b"]
    servers.answers["a"] = 200
    servers.ask()
    assert servers.asked[-1] == "a"


def test_where_all_fail_each_is_asked_once_and_the_last_failure_is_told():
    servers = Servers(a=500, b=httpx2.ConnectError("refused"), c=503)
    assert servers.ask().status_code == 503 and servers.asked == ["a", "b", "c"]
    servers.answers["c"] = httpx2.ConnectError("gone")
    with pytest.raises(httpx2.ConnectError):
        servers.ask()
    assert servers.asked[3:] == ["a", "b", "c"]  # the one that failed first comes first
    servers.answers["b"] = 200
    assert servers.ask().status_code == 200


def test_a_single_server_is_asked_whatever_it_answered(caplog):
    servers = Servers(urls=(A,), a=500)
    assert [servers.ask().status_code for _ in range(3)] == [500] * 3 and not caplog.records
