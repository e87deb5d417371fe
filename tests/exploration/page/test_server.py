"""The page's server over real sockets: it answers its own page only, and every fault with a sentence."""

import json
import threading
from urllib.parse import urlsplit

import pytest
import requests

from mirror.exploration.chat import Chat
from mirror.exploration.page.server import MOST_BODY
from tests.panel_servers import panel_server
from tests.scripted_casts import scripted_exploration

SAY = {"action": "say", "cue": "frowns", "words": "No."}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    chat = Chat(scripted_exploration(tmp_path_factory.mktemp("panel")))
    with panel_server(chat) as url:
        yield chat, url


@pytest.fixture
def url(served):
    return served[1]


@pytest.fixture
def chat(served):
    return served[0]


def post(url, path="/actions", content=None, **options):
    return requests.post(f"{url}{path}", json=content, timeout=60, **options)


def states(url):
    """The states that the server tells, one after another."""
    answer = requests.get(f"{url}/events", stream=True, timeout=60)
    for line in answer.iter_lines():
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


def test_a_turn_is_told_as_it_goes_and_can_be_read(chat, url):
    events, painter = states(url), chat.exploration.cast.painter
    assert next(events)["doing"] == ""
    painter.gate.clear()
    assert post(url, content=SAY).status_code == 202
    state = next(one for one in events if one["doing"].startswith("painting attempt 1"))
    assert (state["typed"], state["can"]) == ({"cue": "frowns", "words": "No.", "ended": False}, ["stop"])
    painter.gate.set()
    state = next(one for one in events if not one["doing"])
    key = state["exchanges"][-1]
    page = requests.get(f"{url}/exchanges/{key}", timeout=60)
    assert "I hear: No." in page.text and page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Tom, 19, a waiter" in requests.get(f"{url}/profile", timeout=60).text
    assert requests.get(f"{url}/exchanges/999-open", timeout=60).status_code == 404


def test_the_page_forbids_everything_but_its_own(url):
    answer = requests.get(url, timeout=60)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy and answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store" and "Server" not in answer.headers


FOREIGN = {
    "origin": {"Origin": "http://evil.example"},
    "port": {"Origin": "http://127.0.0.1:1"},
    "sandbox": {"Origin": "null"},
    "empty": {"Origin": ""},
    "site": {"Sec-Fetch-Site": "cross-site"},
    "rebinding": {"Host": "evil.example"},
    "rebinding and origin": {"Host": "evil.example", "Origin": "http://evil.example"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("path", ["/", "/events", "/profile", "/exchanges/1-open", "/actions", "/stop"])
def test_no_page_of_another_site_is_answered(headers, path, chat, url):
    before = chat.version
    method = "POST" if path in ("/actions", "/stop") else "GET"
    content = {"json": SAY} if method == "POST" else {}
    answer = requests.request(method, f"{url}{path}", headers=headers, timeout=60, **content)
    assert answer.status_code == 403 and "the panel answers" in answer.json()["message"] and chat.version == before


def test_a_form_of_another_site_cannot_act(chat, url):
    before = chat.version
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = requests.post(f"{url}/actions", data=json.dumps(SAY), headers={"Content-Type": kind}, timeout=60)
        assert answer.status_code == 415
    assert chat.version == before


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"{", "Invalid JSON"),
        (b'{"action": "shout"}', "shout"),
        (b'{"action": "say", "cue": ""}', "words: Field required"),
        (b'{"action": "say", "cue": "", "words": "a\\u0000"}', "words: holds a control character (U+0000)"),
    ],
)
def test_what_is_no_action_is_refused_with_a_sentence(sent, message, chat, url):
    before = chat.version
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{url}/actions", data=sent, headers=headers, timeout=60)
    assert answer.status_code == 422 and message in answer.json()["message"] and chat.version == before


def test_a_body_that_is_too_large_is_refused(url):
    headers = {"Content-Type": "application/json"}
    parts = (b" " * 2**20 for _ in range(MOST_BODY // 2**20 + 1))
    answer = requests.post(f"{url}/actions", data=parts, headers=headers, timeout=60)
    assert answer.status_code == 413 and "at most 32 MB" in answer.json()["message"]


def test_a_second_action_is_told_to_wait_and_a_stop_is_heard(chat, url):
    painter = chat.exploration.cast.painter
    painter.begun.clear()
    painter.gate.clear()
    try:
        assert post(url, content=SAY).status_code == 202 and painter.begun.wait(60)
        answer = post(url, content=SAY)
        assert answer.status_code == 409 and "wait until it is done, or stop it" in answer.json()["message"]
        assert post(url, "/stop", {}).status_code == 202
    finally:
        painter.gate.set()
    assert next(state for state in states(url) if not state["doing"])["note"] == "Stopped; nothing was added."


def test_the_server_ends_while_pages_are_open(tmp_path):
    chat = Chat(scripted_exploration(tmp_path))
    told = threading.Event()

    def read(url):
        for _ in states(url):
            told.set()

    with panel_server(chat) as url:
        reader = threading.Thread(target=read, args=(url,))
        reader.start()
        assert told.wait(60)
        assert urlsplit(url).hostname == "127.0.0.1"
    reader.join(60)
    assert not reader.is_alive()
