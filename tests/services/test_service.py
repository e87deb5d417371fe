"""The client: what it retries, what it says when it gives up, and what it never tells."""

import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mirror.services import service as module
from mirror.services.service import Service, ServiceError, endpoint
from mirror.transcripts.verdict import Verdict
from tests.servers import ScriptedDescriber, ScriptedVerifier, Told, answer, description_service, free_port, picture
from tests.servers import verification_service as service

FINE = answer(200, {"fine": True})
FAULT = answer(503, {"error": "busy", "message": "all 64 places of the queue are taken"})


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(module, "BACKOFF_SECONDS", 0.001)
    monkeypatch.delenv("MIRROR_SERVICE_TOKEN", raising=False)


def post(url, **options):
    return Service(url, "/verify", **options).post(
        {"statement": "looks sad"}, {"image": ("image.png", b"x", "image/png")}
    )


def failure(url, **options):
    with pytest.raises(ServiceError) as caught:
        post(url, **options)
    return str(caught.value)


# Where it asks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url, full",
    [
        ("http://host:8001", "http://host:8001/verify"),
        ("http://host:8001/", "http://host:8001/verify"),
        (" http://host:8001/verify\n", "http://host:8001/verify"),
        ("http://host:8001/verify/", "http://host:8001/verify"),
        ("https://host/mirror", "https://host/mirror/verify"),
        ("https://host/mirror/verify", "https://host/mirror/verify"),
        ("http://[::1]:8001", "http://[::1]:8001/verify"),
    ],
)
def test_a_base_url_and_a_full_path_lead_to_the_same(url, full):
    assert endpoint(url, "/verify") == full
    assert Service(url, "/verify").url == full


@pytest.mark.parametrize(
    "url",
    [
        "",
        "host:8001",
        "localhost",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://[::1",
        "http://" + 70 * "a",
    ],
)
def test_what_is_no_url_is_refused_before_anything_is_sent(url):
    with pytest.raises(ValueError, match="must read http://host:port"):
        Service(url, "/verify")


@pytest.mark.parametrize(
    "url",
    [
        "http://me:swordfish@host",
        "http://host/verify?token=swordfish",
        "http://h#swordfish",
        "http://h/?a=b@c:swordfish",
        "http://u:sword/fish@h",
        "http://u%3Aswordfish%40h",
    ],
)
def test_a_secret_in_the_url_is_refused_and_not_repeated(url):
    with pytest.raises(ValueError, match="MIRROR_SERVICE_TOKEN") as caught:
        Service(url, "/verify")
    assert "swordfish" not in str(caught.value)


def test_health_lies_beside_the_path():
    with Told(FINE) as server:
        assert Service(f"{server.url}/mirror/verify", "/verify").health() == {"fine": True}
    assert server.requests[0].startswith(b"GET /mirror/health HTTP")


def test_a_proxy_of_the_environment_does_not_stand_before_the_loopback(monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with Told(FINE) as server:
        assert post(server.url) == {"fine": True}


# What it sends --------------------------------------------------------------------------------------------------------


def test_text_and_files_go_as_a_multipart_form_and_text_alone_as_a_plain_one():
    with Told(FINE) as server:
        post(server.url)
        Service(server.url, "/describe").post({"history": "", "client_utt": "[weeps] né"})
    form, plain = server.requests
    assert b"multipart/form-data" in form and b'name="statement"\r\n\r\nlooks sad' in form
    assert b'name="image"; filename="image.png"' in form
    assert plain.endswith(b"history=&client_utt=%5Bweeps%5D+n%C3%A9")


@pytest.mark.parametrize("given", ["argument", "environment"])
def test_the_token_goes_along(given, monkeypatch):
    if given == "environment":
        monkeypatch.setenv("MIRROR_SERVICE_TOKEN", "swordfish")
    with Told(FINE) as server:
        post(server.url, token="swordfish" if given == "argument" else None)
    assert b"\r\nAuthorization: Bearer swordfish\r\n" in server.requests[0]


def test_without_a_token_no_other_secret_of_this_machine_goes(monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine example.test login me password swordfish\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    with Told(FINE) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert post("http://example.test") == {"fine": True}
    assert proxy.requests[0].startswith(b"POST http://example.test/verify ")  # other hosts are asked through the proxy
    assert b"uthorization" not in proxy.requests[0]


@pytest.mark.parametrize("token", ["sword\nfish", "sword fish", "schwertfisché"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_repeated(token):
    with pytest.raises(ValueError, match="MIRROR_SERVICE_TOKEN") as caught:
        Service("http://host", "/verify", token=token)
    assert "fish" not in str(caught.value)


def test_what_surrounds_a_token_by_accident_does_not_go_along(monkeypatch):
    monkeypatch.setenv("MIRROR_SERVICE_TOKEN", "\ufeff“swordfish”\r\n")
    with Told(FINE) as server:
        post(server.url)
    assert b"\r\nAuthorization: Bearer swordfish\r\n" in server.requests[0]


def test_a_token_is_hidden_before_a_text_is_cut(monkeypatch):
    token = "swordfish-swordfish-swordfish"
    with Told(answer(404, "x" * 180 + token)) as server, pytest.raises(ServiceError) as caught:
        post(server.url, token=token)
    assert "swordfish-sw" not in str(caught.value)


# What it asks again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [FAULT, answer(500, "oops"), answer(504, {}), None, FINE[:-5], b"no HTTP at all\r\n\r\n"],
    ids=["busy", "internal", "time-out", "no answer", "half an answer", "another protocol"],
)
def test_after_a_fault_it_asks_again(fault):
    with Told(fault, fault, FINE) as server:
        assert post(server.url) == {"fine": True}
    assert len(server.requests) == 3
    assert {request.split(b"\r\n\r\n", 1)[1].count(b"looks sad") for request in server.requests} == {1}


@pytest.mark.parametrize(
    ("asked", "least"), [("2", 2), ("86400", 10), ("soon", 0), ("-1", 0), ("1e9", 0), ("\u0663", 0)]
)
def test_a_busy_service_says_when_to_ask_again(monkeypatch, asked, least):
    pauses = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    busy = answer(503, {"error": "busy", "message": "full"}, f"Retry-After: {asked}")
    with Told(busy, FINE) as server:
        assert post(server.url) == {"fine": True}
    assert len(pauses) == 1 and least <= pauses[0] <= least + 1


class Dripping(Told):
    """Sends the body of its answer piece by piece, without end."""

    def __init__(self, piece, pause):
        super().__init__(...)
        self.piece, self.pause, self.ended = piece, pause, threading.Event()
        self.rounds = 0  # of pieces, one to each connection

    def __enter__(self):
        super().__enter__()
        self.sender = threading.Thread(target=self._drip)
        self.sender.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.sender.join()
        super().__exit__()

    def _drip(self):
        begun = set()
        while not self.ended.wait(self.pause):
            self.rounds += 1
            for connection in list(self.kept):
                head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" if connection not in begun else b""
                begun.add(connection)
                try:
                    connection.sendall(head + self.piece)
                except OSError:
                    self.kept.remove(connection)
                    connection.close()


def test_an_answer_that_drips_has_no_more_time_than_one_that_stops():
    with Dripping(b" ", 0.02) as server:
        message = failure(server.url, retries=1, timeout=0.3)
        assert server.rounds < 250
    assert "after 2 tries: no whole answer within 0.3 seconds" in message


def test_an_answer_without_end_is_cut_off_and_not_asked_for_again():
    with Dripping(bytes(300_000), 0.001) as server:
        message = failure(server.url, retries=3, timeout=30, largest=1_000_000)
    assert "its answer is larger than 1,000,000 bytes" in message and len(server.requests) == 1


def test_a_packed_answer_is_as_long_as_what_is_in_it():
    """A megabyte of gzip holds a gigabyte."""
    packed = gzip.compress(bytes(50_000_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    with Told(head + packed) as server:
        assert "its answer is larger than" in failure(server.url)


@pytest.mark.parametrize("status", [400, 401, 404, 408, 413, 415, 422, 429])
def test_after_a_refusal_it_never_asks_again(status):
    refusal = answer(status, {"error": "some_code", "message": "it must change"}, "Retry-After: 1")
    with Told(refusal, FINE) as server:
        message = failure(server.url)
    assert len(server.requests) == 1
    assert f"{server.url}/verify answered {status} some_code: it must change; " in message


@pytest.mark.parametrize("retries", [0, 2])
def test_the_tries_are_bounded_and_counted(retries):
    with Told(FAULT) as server:
        message = failure(server.url, retries=retries)
    assert len(server.requests) == retries + 1
    tries = "3 tries" if retries else "1 try"
    assert message.startswith(f"{server.url}/verify gave no answer after {tries}: 503 busy: all 64 places")


def test_a_service_that_is_silent_is_given_up():
    with Told(...) as server:
        message = failure(server.url, retries=1, timeout=0.05)
    assert len(server.requests) == 2
    assert "after 2 tries: no whole answer within 0.05 seconds" in message


def test_each_pause_is_longer_than_the_one_before(monkeypatch):
    pauses = []
    monkeypatch.setattr(module, "BACKOFF_SECONDS", 1.0)
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    with Told(FAULT) as server:
        failure(server.url, retries=4)
    assert len(pauses) == 4 and pauses == sorted(pauses) and 0.5 < pauses[0] < 2 and pauses[-1] < 16


# What it says ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path, command", [("/verify", "api.verification"), ("/describe", "api.description")])
def test_a_service_that_is_not_running_is_named_with_the_command_that_starts_it(path, command):
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ServiceError) as caught:
        Service(url, path, retries=1).post({})
    message = str(caught.value)
    assert message.startswith(f"{url}{path} gave no answer after 2 tries: ")
    assert "refused" in message and f"`python -m {command}` starts it" in message


def test_a_wrong_token_is_explained_and_never_shown(monkeypatch):
    monkeypatch.setenv("MIRROR_SERVICE_TOKEN", "swordfish")
    with service(ScriptedVerifier(), token="another") as url:
        message = failure(url)
    assert "401 unauthorized" in message and "set MIRROR_SERVICE_TOKEN" in message
    with Told(answer(400, {"error": "x", "message": "you sent Bearer swordfish"})) as server:
        assert "swordfish" not in failure(server.url)


def test_the_other_service_s_url_is_found_out():
    with description_service(ScriptedDescriber()) as url:
        message = failure(url)
    assert "404 not_found" in message and "the right service's" in message


@pytest.mark.parametrize("content", ["<h1>It works!</h1>", ["a", "list"], "null"])
def test_an_answer_that_is_none_of_a_service_is_shown(content):
    with Told(answer(200, content), FINE) as server:
        message = failure(server.url)
    assert len(server.requests) == 1
    shown = content if isinstance(content, str) else json.dumps(content)
    assert "no JSON object" in message and shown in message


def test_what_cannot_be_read_is_an_error_that_names_it():
    gzip = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\nno gzip"
    with Told(gzip) as server:
        message = failure(server.url)
    assert "/verify could not be asked: its answer is not packed as" in message and len(server.requests) == 1


def test_a_redirect_is_not_followed():
    """It would turn the POST into a GET, or carry the token elsewhere."""
    with Told(answer(302, "", "Location: http://elsewhere/login"), FINE) as server:
        message = failure(server.url)
    assert len(server.requests) == 1 and "302" in message and "http://elsewhere/login" in message


def test_an_answer_of_another_shape_is_shown():
    verify = Service("http://host:8001", "/verify")
    assert verify.read(Verdict, {"outcome": "accepted", "checks": [], "accepted": True}).accepted
    with pytest.raises(ServiceError, match=r"http://host:8001/verify answered no Verdict: outcome: .*'error': 'x'"):
        verify.read(Verdict, {"error": "x"})


# Against the service itself -------------------------------------------------------------------------------------------


def test_threads_share_a_service_and_each_gets_its_own_answer():
    with service(ScriptedVerifier(), token="t") as url:
        verify = Service(url, "/verify", token="t")
        barrier = threading.Barrier(16)

        def ask(red):
            barrier.wait()
            pictures = {"image": picture(red), "base_image": picture(100)}
            files = {name: ("image.png", content, "image/png") for name, content in pictures.items()}
            return verify.post({"statement": f"{red}"}, files)

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(ask, range(92, 108)))
    verdicts = [verify.read(Verdict, found) for found in answers]
    assert [verdict.accepted for verdict in verdicts] == [False] * 8 + [True] * 8
    assert [verdict.checks[0].model for verdict in verdicts] == [str(red) for red in range(92, 108)]
