"""What all requests together hold: bytes are refused beyond the budget, pixels waited for in order."""

import asyncio
import contextlib
import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from api.batching import Busy
from api.budget import Budget
from api.description.app import DescriptionSettings
from api.loopback import running
from api.verification.app import VerificationSettings, create_app
from tests.servers import ScriptedVerifier, picture, until


def test_a_share_is_taken_bit_by_bit_and_comes_back():
    budget = Budget(10, "bytes")
    with budget.share() as one, budget.share() as other:
        one.take(4)
        other.take(6)
        with pytest.raises(Busy, match="hold 10 of 10 bytes"):
            one.take(1)
        other.give_back()
        one.take(6)
        assert budget.taken == 10
    with pytest.raises(KeyError), budget.share() as one:
        one.take(10)
        raise KeyError
    assert budget.taken == 0


def test_pixels_are_waited_for_in_the_order_of_coming():
    """A large request is not overtaken by small ones for ever."""
    order = []

    async def hold(budget, amount, gate):
        async with budget.held(amount, 60):
            order.append(amount)
            assert budget.taken <= budget.total
            await gate.wait()

    async def main():
        budget, gates = Budget(10, "pixels"), [asyncio.Event() for _ in range(4)]
        tasks = []
        for amount, gate in zip((6, 9, 1, 2), gates, strict=True):
            tasks.append(asyncio.create_task(hold(budget, amount, gate)))
            await asyncio.sleep(0)
        assert order == [6]
        for gate in gates:
            gate.set()
        await asyncio.gather(*tasks)
        assert order == [6, 9, 1, 2] and budget.taken == 0

    asyncio.run(main())


def test_what_does_not_become_free_in_time_is_busy_and_holds_up_no_other():
    async def main():
        budget = Budget(10, "pixels")
        async with budget.held(8, 60):
            with pytest.raises(Busy, match="hold 8 of 10 pixels"):
                async with budget.held(3, 0.01):
                    pass
            async with budget.held(2, 0.01):
                assert budget.taken == 10
        assert budget.taken == 0

    asyncio.run(main())


def post(url, size):
    files = {"image": picture(200, size=size), "base_image": picture(100, size=size)}
    return requests.post(f"{url}/verify", {"statement": "sad"}, files=files, timeout=60)


def test_requests_of_a_few_bytes_hold_no_more_pixels_than_the_budget():
    """64 requests of 62 kB took 7.1 GB: flat color compresses to nearly nothing."""
    verifier = ScriptedVerifier()
    verifier.gate.clear()
    app = create_app(verifier, VerificationSettings(max_pixels=250_000, pixels_at_once=1_000_000, max_batch=1))
    with running(app) as url, ThreadPoolExecutor(12) as clients:
        asked = [clients.submit(post, url, (500, 500)) for _ in range(12)]
        until(lambda: app.state.batcher.taken == 12)
        until(lambda: app.state.pictures.taken == 1_000_000)
        peak = 0
        verifier.gate.set()
        while not all(future.done() for future in asked):
            peak = max(peak, app.state.pictures.taken)
        assert [future.result().status_code for future in asked] == [200] * 12
        assert peak <= 1_000_000
        until(lambda: (app.state.pictures.taken, app.state.uploads.taken) == (0, 0))


def test_pixels_that_do_not_become_free_are_busy_and_say_when_to_ask_again():
    verifier = ScriptedVerifier()
    verifier.gate.clear()
    settings = VerificationSettings(max_pixels=250_000, pixels_at_once=500_000, request_seconds=0.5)
    with running(create_app(verifier, settings)) as url, ThreadPoolExecutor(2) as clients:
        first, second = (clients.submit(post, url, (500, 500)) for _ in range(2))
        statuses = {answer.result().status_code: answer.result() for answer in (first, second)}
        verifier.gate.set()
    assert 504 in statuses
    if 503 in statuses:  # the second may have come in just as the first gave up
        assert statuses[503].headers["Retry-After"] == "1" and "pixels" in statuses[503].json()["message"]


def test_bytes_of_uploads_are_counted_as_they_arrive():
    """Beyond the budget a request is told so; those that hold it are given up in time, and it is free again."""
    app = create_app(
        ScriptedVerifier(), VerificationSettings(max_body_bytes=100_000, bytes_at_once=150_000, upload_seconds=0.5)
    )
    head = b"POST /verify HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    with running(app) as url, contextlib.ExitStack() as stack:
        address = urlsplit(url)
        for _ in range(2):
            held = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=10))
            held.sendall(head + b"Content-Length: 99000\r\n\r\n" + bytes(74_000))
        until(lambda: app.state.uploads.taken == 148_000)
        busy = requests.post(f"{url}/verify", files={"image": bytes(50_000)}, timeout=10)
        assert (busy.status_code, busy.json()["error"]) == (503, "busy")
        assert busy.headers["Retry-After"] == "1" and "bytes of uploads" in busy.json()["message"]
        until(lambda: app.state.uploads.taken == 0)
        assert post(url, (32, 32)).status_code == 200


@pytest.mark.parametrize(
    "settings, words, message",
    [
        (VerificationSettings, ["--bytes-at-once", "1000"], "bytes_at_once must hold a body"),
        (VerificationSettings, ["--pixels-at-once", "1000"], "pixels_at_once must hold two pictures"),
        (DescriptionSettings, ["--bytes-at-once", "1000"], "bytes_at_once must hold a body"),
    ],
)
def test_a_budget_that_holds_not_even_one_request_is_refused(settings, words, message, capsys):
    with pytest.raises(SystemExit) as exit:
        settings.from_command_line("service", words)
    assert exit.value.code == 2 and message in capsys.readouterr().err
