"""The verification service over a real socket: right answers, hostile uploads, limits, faults, and the command."""

import contextlib
import io
import socket
import struct
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
from PIL import Image

from api.errors import CODES
from api.loopback import running
from api.verification.app import VerificationSettings, create_app
from api.verification.images import decode
from mirror.faces.verification import HttpVerifier, VerificationRequest
from mirror.services.service import Service
from mirror.transcripts.verdict import Verdict
from tests.servers import ScriptedVerifier, picture, until, verification_service

HEAD = b"POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
LIMITS = {"max_body_bytes": 2_000_000, "max_pixels": 1_000_000}


@pytest.fixture(scope="module")
def url():
    with verification_service(ScriptedVerifier(), **LIMITS) as url:
        yield url


def verify(url, image=None, base_image=None, statement="looks sad", **options):
    files = {"image": picture(200) if image is None else image, "base_image": base_image or picture(100)}
    return requests.post(f"{url}/verify", {"statement": statement}, files=files, timeout=60, **options)


def refusal(response, status, code):
    """The message of a refusal, once it is what it should be."""
    assert (response.status_code, response.json().get("error")) == (status, code), response.text
    assert response.headers["content-type"] == "application/json" and response.json().keys() == {"error", "message"}
    return response.json()["message"]


# Answers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("red, outcome", [(200, "accepted"), (50, "irrelevant")])
def test_every_verdict_is_a_200(url, red, outcome):
    response = verify(url, picture(red))
    assert response.status_code == 200
    assert response.json()["accepted"] is (outcome == "accepted")
    verdict = Verdict.model_validate_json(response.content)
    assert verdict.outcome == outcome
    assert (verdict.checks[0].score, verdict.checks[0].model) == (pytest.approx(red / 255), "looks sad")


@pytest.mark.parametrize("format, name", [("PNG", "a.png"), ("JPEG", "a.png"), ("WEBP", "")])
def test_the_content_says_what_a_picture_is(url, format, name):
    content = picture(200, format, **({"lossless": True} if format == "WEBP" else {}))
    assert verify(url, (name, content, "text/plain") if name else content).json()["accepted"] is True


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16"])
def test_pictures_of_every_mode_arrive_in_rgb(url, mode):
    """The verifier accepts what is red enough: black is not, and what is transparent shows the white below it."""
    buffer = io.BytesIO()
    Image.new(mode, (32, 32)).save(buffer, "PNG")
    outcome = "accepted" if mode in ("LA", "RGBA") else "irrelevant"
    assert verify(url, buffer.getvalue()).json()["outcome"] == outcome


@pytest.mark.parametrize("size", [(400, 7), (9, 900)])
def test_a_picture_of_an_extreme_shape_is_refused_by_its_field(url, size):
    for field in ("image", "base_image"):
        message = refusal(verify(url, **{field: picture(200, size=size)}), 422, "unsupported_image_shape")
        assert message.startswith(f"{field}: has {size[0]} × {size[1]} pixels")


def test_32_concurrent_clients_all_get_their_own_answer_from_batches():
    verifier = ScriptedVerifier()
    verifier.gate.clear()
    app = create_app(verifier, VerificationSettings(max_batch=8))
    with running(app) as url, ThreadPoolExecutor(32) as clients:
        asked = [clients.submit(verify, url, picture(84 + n), None, f"client {n}") for n in range(32)]
        until(lambda: app.state.batcher.items + app.state.batcher.queued == 32)
        verifier.gate.set()
        verdicts = [Verdict.model_validate_json(future.result().content) for future in asked]
    assert [verdict.accepted for verdict in verdicts] == [False] * 16 + [True] * 16
    assert [verdict.checks[0].model for verdict in verdicts] == [f"client {n}" for n in range(32)]
    assert sum(verifier.batches) == 32 and max(verifier.batches) == 8 and len(verifier.batches) <= 10


def test_the_verifier_of_the_sessions_hears_from_the_service_what_the_models_say(url):
    reds = (99, 100, 180)
    portrait = decode(picture(100), "base_image", 10_000)
    faces = [VerificationRequest(decode(picture(red), "image", 10_000), portrait, "é\0 [") for red in reds]
    remote = HttpVerifier(Service(url, "/verify"))
    assert remote.verify(faces) == ScriptedVerifier().verify(faces)
    assert remote.facts()["url"] == f"{url}/verify"
    assert remote.facts()["service"]["name"] == "verification"


def test_health_says_what_runs_here(url):
    health = requests.get(f"{url}/health", timeout=60).json()
    assert (health["status"], health["name"]) == ("ok", "verification")
    assert health["facts"] == {"model": "scripted", "threshold": 0.5}
    assert health["limits"].items() >= LIMITS.items() and health["limits"]["request_seconds"] == 60
    assert health["version"] and health["code"].keys() == {"commit", "changed"}


def test_the_root_says_what_this_is(url):
    response = requests.get(url, timeout=60)
    assert response.status_code == 200 and "MIRROR verification" in response.text and "docs" in response.text


def test_openapi_declares_every_error_with_one_form(url):
    schema = requests.get(f"{url}/openapi.json", timeout=60).json()
    answers = schema["paths"]["/verify"]["post"]["responses"]
    assert answers.keys() == {"200", "400", "403", "408", "413", "415", "422", "500", "503", "504"}  # no token: no 401
    forms = {answer["content"]["application/json"]["schema"]["$ref"] for answer in answers.values()}
    assert forms == {"#/components/schemas/Verdict", "#/components/schemas/Error"}
    assert set(schema["components"]["schemas"]["Error"]["properties"]["error"]["enum"]) == CODES.keys()
    assert "accepted" in schema["components"]["schemas"]["Verdict"]["required"]


# Hostile pictures -----------------------------------------------------------------------------------------------------


def png_header(width, height, frames=0):
    """A PNG of a few bytes that says it is this large, and of so many frames."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    animation = chunk(b"acTL", struct.pack(">II", frames, 0)) if frames else b""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + animation + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def many_frames():
    frames = [Image.new("RGB", (300, 300), (12 * n, 0, 0)) for n in range(20)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:])
    return buffer.getvalue()


BOMBS = {
    "30,000 x 30,000": png_header(30_000, 30_000),
    "just above": png_header(1001, 1000),
    "a row": png_header(2**31 - 1, 1),
    "frames of a WebP": many_frames(),
    "frames of a PNG": png_header(100, 100, 2**30),
}


@pytest.mark.parametrize("field", ["image", "base_image"])
@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_a_picture_of_too_many_pixels_is_refused_from_its_header(url, field, bomb):
    message = refusal(verify(url, **{field: bomb}), 413, "too_many_pixels")
    assert message.startswith(f"{field} may have 1000000 pixels") and "scale it down" in message


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded(url):
    """Each scan visits every pixel, and takes a few bytes."""
    jpeg = picture(200, "JPEG", (900, 900), progressive=True)
    assert verify(url, jpeg).status_code == 200
    start = jpeg.rindex(b"\xff\xda")
    bomb = jpeg[:-2] + jpeg[start:-2] * 1000 + jpeg[-2:]
    assert "200 scans" in refusal(verify(url, bomb), 413, "too_many_pixels")


def test_as_many_pixels_as_allowed_are_taken(url):
    assert verify(url, picture(200, size=(1000, 1000))).status_code == 200


def damaged(data):
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 0x55 for byte in data[middle : middle + 4]) + data[middle + 4 :]


noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def noisy(format):
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format)
    return buffer.getvalue()


UNREADABLE = {
    "half a PNG": noisy("PNG")[: len(noisy("PNG")) // 2],
    "half a JPEG": noisy("JPEG")[: len(noisy("JPEG")) // 2],
    "half a WebP": noisy("WEBP")[: len(noisy("WEBP")) // 2],
    "a PNG's first bytes": noisy("PNG")[:8],
    "a JPEG's first bytes": noisy("JPEG")[:3],
    "a PNG with damaged pixels": damaged(noisy("PNG")),
    "a PNG without its end": noisy("PNG")[:-12],
    "a PNG with a wrong checksum": noisy("PNG")[:-16] + b"sum?" + noisy("PNG")[-12:],
}


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_a_damaged_face_is_a_verdict_and_a_damaged_portrait_a_bad_request(url, data):
    response = verify(url, image=data)
    assert response.status_code == 200
    assert response.json() == {"outcome": "unreadable_image", "checks": [], "accepted": False}
    message = refusal(verify(url, base_image=data), 422, "unreadable_base_image")
    assert message.startswith("base_image cannot be decoded to its end")


OTHERS = {
    "GIF": picture(1, "GIF"),
    "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "text": b"a text that is named .png",
    "BMP": picture(1, "BMP"),
    "nothing": b"",
    "NULs": bytes(1000),
}


@pytest.mark.parametrize("data", OTHERS.values(), ids=OTHERS)
def test_other_types_are_refused_whatever_they_are_called(url, data):
    message = refusal(verify(url, ("portrait.png", data, "image/png")), 415, "unsupported_image_type")
    assert "image must be a PNG, JPEG or WebP" in message


@pytest.mark.slow
@pytest.mark.parametrize("name", ["../../etc/x.png", "/etc/x.png", "C:\\x.png", "a\0b.png", "x" * 500, "..", "☃.png"])
def test_the_name_of_an_upload_leads_nowhere(tmp_path, monkeypatch, name):
    """Nothing is written: not under the name, and not where temporary files go."""
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a/b")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))  # a file there would be an error
    large = noisy("PNG") + bytes(3_000_000)  # more than what forms usually hold in memory
    with verification_service(ScriptedVerifier()) as url:
        response = verify(url, (name, large, "image/png"))
    assert response.status_code == 200
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert not Path("/etc/x.png").exists()


def test_a_damaged_header_is_said_by_its_field_and_not_a_fault(url):
    """The header is read before there is room for the pixels; what it cannot tell, decoding does."""
    for data in (noisy("PNG")[:20], b"\x89PNG\r\n\x1a\n" + bytes(50), b"RIFF\0\0\0\0WEBP" + bytes(30)):
        assert verify(url, image=data).json()["outcome"] == "unreadable_image"
        refusal(verify(url, base_image=data), 422, "unreadable_base_image")


# Hostile bodies -------------------------------------------------------------------------------------------------------


def test_a_huge_body_is_refused_by_its_length(url):
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(HEAD)
        connection.sendall(b"Content-Length: 1000000000000\r\n\r\n")  # and no byte of it
        answer = b""
        while b"}" not in answer:
            answer += connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 413") and b'"error":"body_too_large"' in answer


def test_a_huge_body_without_a_length_is_refused_once_it_is_too_large(url):
    address = urlsplit(url)
    sent = 0
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(HEAD)
        connection.sendall(b"Transfer-Encoding: chunked\r\n\r\n")
        connection.setblocking(False)
        answered = b""
        while b"}" not in answered and sent < 100_000_000:  # it never says that it has ended
            with contextlib.suppress(BlockingIOError):
                sent += connection.send((b"10000\r\n" + bytes(65536) + b"\r\n")[sent % 65545 :])
            with contextlib.suppress(BlockingIOError):
                answered += connection.recv(10_000)
    assert answered.startswith(b"HTTP/1.1 413") and b'"error":"body_too_large"' in answered
    assert sent < 20_000_000


def test_a_client_that_sends_all_of_a_huge_body_still_gets_the_answer(url):
    large = bytes(30_000_000)
    refusal(verify(url, large), 413, "body_too_large")
    pieces = (large[:1_000_000] for _ in range(30))
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    refusal(requests.post(f"{url}/verify", pieces, headers=headers, timeout=60), 413, "body_too_large")


def test_an_upload_that_does_not_arrive_is_given_up(url):
    with verification_service(ScriptedVerifier(), request_seconds=0.1) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
            connection.sendall(HEAD)
            connection.sendall(b"Content-Length: 1000\r\n\r\n--b")
            answer = b"".join(iter(lambda: connection.recv(10_000), b""))  # until the service hangs up
    assert answer.startswith(b"HTTP/1.1 408") and b'"error":"upload_timed_out"' in answer


@pytest.mark.parametrize(
    "statement, code", [("", "empty_text"), (" \n\t", "empty_text"), ("a" * 100_000, "text_too_long")]
)
def test_an_empty_and_an_endless_statement_are_refused(url, statement, code):
    assert "statement" in refusal(verify(url, statement=statement), 422, code)


def test_a_statement_may_hold_any_character(url):
    for statement in ("\0", "a\0b", "weint 😢 né", "\u202e", "\ufffe"):
        assert verify(url, statement=statement).json()["checks"][0]["model"] == statement


@pytest.mark.parametrize("missing", ["image", "base_image", "statement"])
def test_a_missing_field_is_named(url, missing):
    parts = {"image": ("a", picture()), "base_image": ("b", picture()), "statement": (None, "looks sad")}
    del parts[missing]
    message = refusal(requests.post(f"{url}/verify", files=parts, timeout=60), 422, "missing_field")
    assert message.startswith(f"{missing} is missing")


PARTS = [("image", ("a", picture())), ("base_image", ("b", picture())), ("statement", (None, "looks sad"))]


@pytest.mark.parametrize(
    "parts, code",
    [
        ([*PARTS, ("treshold", (None, "0.1"))], "unknown_field"),
        ([*PARTS, ("image", ("a", picture()))], "invalid_field"),
        ([*PARTS[1:], ("image", (None, "text"))], "invalid_field"),
        ([*PARTS[:2], ("statement", ("a.txt", "looks sad"))], "invalid_field"),
    ],
    ids=["unknown", "twice", "text for a file", "a file for text"],
)
def test_a_wrong_field_is_refused(url, parts, code):
    refusal(requests.post(f"{url}/verify", files=parts, timeout=60), 422, code)


def test_endless_fields_are_refused(url):
    parts = [(f"f{n}", (None, "x")) for n in range(100)]
    refusal(requests.post(f"{url}/verify", files=parts, timeout=60), 400, "invalid_request")


FORM = "multipart/form-data; boundary=b"
BROKEN = {
    "no boundary": ("multipart/form-data", b"x", 400, "invalid_request"),
    "no part": (FORM, b"x" * 100, 400, "invalid_request"),
    "empty": (FORM, b"", 422, "missing_field"),
    "a trap of a charset": (
        "multipart/form-data; boundary=b; charset=unicode_escape",
        b"",
        415,
        "unsupported_media_type",
    ),
    "JSON": ("application/json", b"{}", 415, "unsupported_media_type"),
    "no type": (None, b"x", 415, "unsupported_media_type"),
}


@pytest.mark.parametrize("content_type, body, status, code", BROKEN.values(), ids=BROKEN)
def test_a_broken_body_is_refused(url, content_type, body, status, code):
    headers = {"Content-Type": content_type} if content_type else {}
    refusal(requests.post(f"{url}/verify", body, headers=headers, timeout=60), status, code)


@pytest.mark.parametrize(
    "method, path, status, code",
    [
        ("GET", "/verify", 405, "method_not_allowed"),
        ("PUT", "/verify", 405, "method_not_allowed"),
        ("BREW", "/health", 405, "method_not_allowed"),
        ("POST", "/", 405, "method_not_allowed"),
        ("POST", "/describe", 404, "not_found"),
        ("POST", "/verify/", 404, "not_found"),
        ("GET", "/%00%ff%ed%a0%80", 404, "not_found"),
    ],
)
def test_wrong_methods_and_paths_are_json_too(url, method, path, status, code):
    response = requests.request(method, url + path, timeout=60)
    assert "/verify" in refusal(response, status, code)
    assert ("Allow" in response.headers) == (status == 405)


# Access ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer another",
        "Bearer swordfis",
        "swordfish",
        "Basic swordfish",
        "Bearer schwertfisch\xe9",
    ],
)
def test_without_the_right_token_there_is_no_verdict(header):
    verifier = ScriptedVerifier()
    with verification_service(verifier, token="swordfish") as url:
        headers = {} if header is None else {"Authorization": header}
        response = verify(url, headers=headers)
        assert requests.get(f"{url}/health", timeout=60).status_code == 200
    message = refusal(response, 401, "unauthorized")
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert "MIRROR_SERVICE_TOKEN" in message and "swordfish" not in message
    assert verifier.batches == []


def test_with_the_right_token_there_is_one():
    with verification_service(ScriptedVerifier(), token="swordfish") as url:
        assert verify(url, headers={"Authorization": "bearer swordfish"}).status_code == 200
        schema = requests.get(f"{url}/openapi.json", timeout=60).json()
    assert "401" in schema["paths"]["/verify"]["post"]["responses"]


# Faults ---------------------------------------------------------------------------------------------------------------


def test_a_fault_inside_is_a_500_that_tells_nothing_and_the_service_lives_on(url, caplog):
    message = refusal(verify(url, statement="raise"), 500, "internal_error")
    assert "secret" not in message
    assert "the secret of raise" in caplog.text and "Traceback" in caplog.text
    assert verify(url).status_code == 200


@pytest.mark.slow
def test_a_request_that_the_verifier_cannot_work_on_fails_alone():
    verifier = ScriptedVerifier()
    verifier.gate.clear()
    app = create_app(verifier, VerificationSettings(max_batch=8, max_wait_ms=1000))
    with running(app) as url, ThreadPoolExecutor(8) as clients:
        asked = [clients.submit(verify, url, statement=text) for text in ("a", "b", "raise", "c")]
        until(lambda: app.state.batcher.items == 4)
        verifier.gate.set()
        assert [future.result().status_code for future in asked] == [200, 200, 500, 200]
    assert sorted(verifier.batches) == [1, 1, 1, 1, 4]


def test_an_exception_in_a_verdicts_place_is_a_500_of_its_own():
    with verification_service(ScriptedVerifier()) as url:
        assert "http://llm" not in refusal(verify(url, statement="fail"), 500, "internal_error")
        assert verify(url).status_code == 200


def test_a_slow_model_is_a_time_out_and_the_service_lives_on():
    verifier = ScriptedVerifier()
    with verification_service(verifier, request_seconds=0.2) as url:
        verifier.gate.clear()
        message = refusal(verify(url), 504, "timed_out")
        assert "no answer within 0.2 seconds" in message
        assert requests.get(f"{url}/health", timeout=60).status_code == 200
        verifier.gate.set()
        until(lambda: verify(url).status_code == 200)


def test_beyond_the_queue_it_is_busy_before_the_upload_is_read():
    verifier = ScriptedVerifier()
    verifier.gate.clear()
    with verification_service(verifier, queue=2) as url, ThreadPoolExecutor(2) as clients:
        held = [clients.submit(verify, url) for _ in range(2)]
        until(lambda: len(verifier.batches) == 1)
        until(lambda: verify(url).status_code == 503)
        assert "all 2 places" in refusal(verify(url), 503, "busy")
        verifier.gate.set()
        assert [future.result().status_code for future in held] == [200, 200]
        assert verify(url).status_code == 200


def test_a_client_that_hangs_up_takes_no_other_s_answer_along():
    verifier = ScriptedVerifier()
    verifier.gate.clear()
    request = requests.Request(
        "POST", "http://x/verify", data={"statement": "gone"}, files={"image": picture(), "base_image": picture()}
    ).prepare()
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    app = create_app(verifier, VerificationSettings())
    with running(app) as url, ThreadPoolExecutor(4) as clients:
        address = urlsplit(url)
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(f"POST /verify HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode() + request.body)
            until(lambda: app.state.batcher.taken == 1)
        held = [clients.submit(verify, url) for _ in range(4)]
        until(lambda: app.state.batcher.taken == 5)
        verifier.gate.set()
        assert [future.result().status_code for future in held] == [200] * 4


def test_what_is_being_worked_on_at_the_end_is_answered():
    verifier = ScriptedVerifier()
    verifier.gate.clear()
    with ThreadPoolExecutor(1) as clients:
        with verification_service(verifier) as url:
            held = clients.submit(verify, url)
            until(lambda: verifier.batches)
            threading.Timer(0.2, verifier.gate.set).start()
        assert held.result().status_code == 200
