"""The bearer token of a service: compared as a whole, and never shown."""

import asyncio

import httpx2
import pytest
from fastapi import FastAPI

from api.access import bearer
from api.errors import answer_errors_as_json


def status_and_text(token, header):
    app = FastAPI()
    answer_errors_as_json(app)

    @app.get("/", dependencies=bearer(token))
    async def root() -> str:
        return "in"

    async def ask():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://service") as client:
            return await client.get("/", headers={} if header is None else {"Authorization": header.encode()})

    found = asyncio.run(ask())
    assert found.status_code == 200 or found.headers["www-authenticate"] == "Bearer"
    return found.status_code, found.text


@pytest.mark.parametrize("header", [None, "Bearer other", "Basic c3dvcmQ="])
def test_without_a_token_everybody_is_let_in(header):
    assert bearer(None) == [] and status_and_text(None, header)[0] == 200


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, "found none"),
        ("Basic swordfish", "found none"),
        ("Bearer sword", "found another one"),
        ("Bearer swordfishes", "found another one"),
        ("Bearer Swordfish", "found another one"),
        ("Bearer swördfish", "found another one"),
    ],
)
def test_any_other_token_is_refused_and_none_is_told(header, found):
    status, text = status_and_text("swordfish", header)
    assert status == 401 and "MIRROR_SERVICE_TOKEN" in text
    assert found in text and "swordfish" not in text.lower().replace(str(header).lower(), "")


def test_the_token_is_taken():
    assert status_and_text("swordfish", "Bearer swordfish")[0] == 200
