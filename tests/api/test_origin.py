"""No page of another site is answered, and every answer has the headers that keep a browser from misusing it."""

import base64
import hashlib
import re
import socket
from urllib.parse import urlsplit

import pytest
import requests

from tests.servers import ScriptedDescriber, ScriptedVerifier, description_service, verification_service

FIELDS = {"history": "", "client_utt": "hello"}


@pytest.fixture(scope="module")
def describer():
    return ScriptedDescriber()


@pytest.fixture(scope="module")
def url(describer):
    with description_service(describer) as url:
        yield url


FOREIGN = {
    "another site": {"Origin": "https://evil.example"},
    "another port of this machine": {"Origin": "http://127.0.0.1:3000"},
    "another name": {"Origin": "http://localhost.evil.example"},
    "a sandboxed page": {"Origin": "null"},
    "a file": {"Origin": "file://"},
    "a name that begins alike": {"Origin": "{own}.evil.example"},
    "a user name": {"Origin": "http://{host}@evil.example"},
    "nothing": {"Origin": ""},
    "a broken one": {"Origin": "http://[::1"},
    "no origin, but a site": {"Sec-Fetch-Site": "cross-site"},
    "another port by site": {"Sec-Fetch-Site": "same-site"},
    "own origin, another site": {"Origin": "{own}", "Sec-Fetch-Site": "Cross-Site"},
}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("method, path", [("POST", "/describe"), ("GET", "/health"), ("OPTIONS", "/describe")])
def test_a_request_of_a_foreign_page_is_refused(url, describer, headers, method, path):
    own = {"{own}": url, "{host}": urlsplit(url).netloc}
    for name, value in own.items():
        headers = {header: content.replace(name, value) for header, content in headers.items()}
    batches = len(describer.batches)
    response = requests.request(method, url + path, data=FIELDS, headers=headers, timeout=10)
    assert (response.status_code, response.json()["error"]) == (403, "forbidden_origin")
    assert "Access-Control-Allow-Origin" not in response.headers and len(describer.batches) == batches


OWN = {
    "no browser": {},
    "its own page": {"Origin": "{own}", "Sec-Fetch-Site": "same-origin"},
    "the address bar": {"Sec-Fetch-Site": "none"},
    "in capitals": {"Origin": "{OWN}"},
    "a proxy that ends TLS": {"Origin": "https://localhost", "Host": "localhost:443"},
}


@pytest.mark.parametrize("headers", OWN.values(), ids=OWN)
def test_its_own_pages_and_programs_are_answered(url, headers):
    headers = {name: value.replace("{own}", url).replace("{OWN}", url.upper()) for name, value in headers.items()}
    assert requests.post(f"{url}/describe", FIELDS, headers=headers, timeout=10).status_code == 200


def test_one_foreign_origin_of_two_is_enough(url):
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        lines = ["GET /health HTTP/1.1", f"Host: {address.netloc}", f"Origin: {url}", "Origin: https://evil.example"]
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        assert b" 403 " in connection.recv(65536)


def test_a_foreign_page_is_refused_whatever_token_it_has():
    with verification_service(ScriptedVerifier(), "swordfish") as url:
        headers = {"Authorization": "Bearer swordfish", "Origin": "https://evil.example"}
        response = requests.post(f"{url}/verify", headers=headers, timeout=10)
        assert response.json()["error"] == "forbidden_origin"


ANSWERS = {
    "200": ("GET", "/health", {}, 200),
    "a page": ("GET", "/", {}, 200),
    "a schema": ("GET", "/openapi.json", {}, 200),
    "a refusal of the host": ("GET", "/", {"Host": "evil.example"}, 403),
    "a refusal of the page": ("GET", "/", {"Origin": "null"}, 403),
    "404": ("GET", "/nothing", {}, 404),
    "405": ("GET", "/describe", {}, 405),
    "415": ("POST", "/describe", {"Content-Type": "a/b"}, 415),
    "500": ("POST", "/describe", {}, 500),
}


@pytest.mark.parametrize("method, path, headers, status", ANSWERS.values(), ids=ANSWERS)
def test_every_answer_has_the_headers_and_no_banner(url, method, path, headers, status):
    response = requests.request(method, url + path, data=FIELDS | {"client_utt": "raise"}, headers=headers, timeout=10)
    assert response.status_code == status
    found = response.headers
    assert (found["X-Content-Type-Options"], found["Cache-Control"]) == ("nosniff", "no-store")
    assert found["X-Frame-Options"] == "DENY" and found["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in found["Content-Security-Policy"]
    assert ("script-src 'sha256-" in found["Content-Security-Policy"]) is (status == 200 and path == "/")
    assert "unsafe" not in found["Content-Security-Policy"]
    assert not {"server", "x-powered-by"} & {name.lower() for name in found}
    assert not re.search(r"uvicorn|starlette|fastapi/", f"{found}", re.IGNORECASE)


def test_the_page_of_docs_runs_its_own_script_and_files_of_the_service_alone(url):
    response = requests.get(f"{url}/docs", timeout=10)
    policy = dict(part.strip().split(" ", 1) for part in response.headers["Content-Security-Policy"].split(";"))
    (script,) = re.findall(rb"<script>(.*?)</script>", response.content, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    assert policy["script-src"].split() == ["'self'", f"'sha256-{digest}'"]
    assert set(re.findall(rb'(?:src|href)="([^"]+)"', response.content)) == {
        b"docs/swagger-ui-bundle.js",
        b"docs/swagger-ui.css",
        b"data:,",
    }
    assert requests.get(f"{url}/redoc", timeout=10).status_code == 404
