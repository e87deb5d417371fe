"""The fields of a body: the same from each type, checked by name, and refused where they are none."""

import asyncio
import json
from types import SimpleNamespace
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from api.budget import Budget
from api.errors import Refusal
from api.forms import JSON, MAX_PARTS, MAX_SEED, MULTIPART, URLENCODED, check_names, file, read_fields, seed, text

TYPES = (JSON, URLENCODED, MULTIPART)
LIMITS = SimpleNamespace(max_body_bytes=2000, max_text=50, upload_seconds=30, request_seconds=60)
NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def read(body, content_type, chunks=1, limits=LIMITS, length=None):
    size = -(-len(body) // chunks) or 1
    parts = [body[start : start + size] for start in range(0, len(body), size)] or [b""]

    async def receive():
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    headers = [(b"content-type", content_type.encode())] if content_type else []
    headers += [] if length is None else [(b"content-length", str(length).encode())]

    async def fields():
        request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
        with Budget(10**6, "bytes").share() as share:
            return await read_fields(request, TYPES, limits, share)

    return asyncio.run(fields())


def multipart(*fields):
    """A body of (name, value) pairs, in which bytes are files."""
    parts = []
    for name, value in fields:
        named = f'; filename="{name}.png"' if isinstance(value, bytes) else ""
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        parts.append(head + (value if isinstance(value, bytes) else value.encode()) + b"\r\n")
    return b"".join(parts) + b"--x--\r\n", f"{MULTIPART}; boundary=x"


def refusal(*given, **options):
    with pytest.raises(Refusal) as refused:
        read(*given, **options)
    return refused.value.code, refused.value.message


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES, TEXTS, max_size=4), st.integers(1, 5))
def test_every_type_of_body_holds_the_same_fields(fields, chunks):
    assert read(json.dumps(fields).encode(), f"{JSON}; charset=UTF-8", chunks) == fields
    assert read(urlencode(fields).encode(), URLENCODED, chunks) == fields
    assert read(*multipart(*fields.items()), chunks) == fields


def test_a_file_is_its_bytes_whatever_it_is_called():
    content = bytes(range(256))
    assert read(*multipart(("image", content), ("statement", "sad"))) == {"image": content, "statement": "sad"}


@pytest.mark.parametrize(
    ("content_type", "message"),
    [
        ("", "found no Content-Type"),
        ("text/plain", "found 'text/plain'"),
        (f"{JSON}; charset=utf-16", "the body must be UTF-8, found 'charset=utf-16'"),
    ],
)
def test_other_types_and_codecs_are_refused(content_type, message):
    code, told = refusal(b"{}", content_type)
    assert code == "unsupported_media_type" and told.endswith(message)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", JSON),
        (b"[1]", JSON),
        (b'{"a": "\xff"}', JSON),
        (b"[" * 1999, JSON),
        (b"a=%ff", URLENCODED),
        (b"&".join(b"a%d=1" % n for n in range(MAX_PARTS + 1)), URLENCODED),
        (b"no parts", f"{MULTIPART}; boundary=x"),
        (b"--x--\r\n", MULTIPART),
        multipart(*((f"a{n}", "1") for n in range(MAX_PARTS + 1))),
    ],
)
def test_a_broken_body_is_refused_by_its_type(body, content_type):
    code, message = refusal(body, content_type)
    assert code == "invalid_request" and message.startswith(f"the body is no {content_type.split(';')[0]}: ")


@pytest.mark.parametrize("body", [(b"a=1&b=2&a=3", URLENCODED), multipart(("a", "1"), ("a", b"2"))])
def test_a_field_that_is_sent_twice_is_refused(body):
    assert refusal(*body) == ("invalid_field", "'a' was sent twice; send it once")


def test_a_text_in_a_part_is_cut_short_before_it_is_read():
    code, message = refusal(*multipart(("statement", "x" * 201)))
    assert (code, message) == ("text_too_long", "'statement' may have 200 bytes, found more; shorten it")
    assert len(read(*multipart(("statement", "x" * 200)))["statement"]) == 200


def test_a_large_body_is_refused_by_its_length_or_by_counting():
    message = "a body may have 2000 bytes; send smaller pictures or a shorter text"
    assert refusal(b"{}", JSON, length=2001) == ("body_too_large", f"{message} (found 2001)")
    assert refusal(b" " * 1999 + b"{}", JSON, 9) == ("body_too_large", f"{message} (found more)")
    assert read(b" " * 1998 + b"{}", JSON, 9) == {}


def test_a_body_that_does_not_arrive_is_given_up():
    async def never():
        await asyncio.Event().wait()

    async def fields():
        headers = [(b"content-type", JSON.encode())]
        limits = SimpleNamespace(**vars(LIMITS) | {"upload_seconds": 0.01})
        with Budget(10, "bytes").share() as share:
            return await read_fields(Request({"type": "http", "headers": headers}, never), TYPES, limits, share)

    with pytest.raises(Refusal, match="the body did not arrive within 0.01 seconds") as refused:
        asyncio.run(fields())
    assert refused.value.code == "upload_timed_out" and refused.value.headers == {"Connection": "close"}


def test_names_are_those_of_the_request():
    check_names({"a": 1, "c": 2}, ("a",), ("b", "c"))
    for fields, code, message in (
        ({"c": 1}, "missing_field", "a is missing; the fields are a, b, c"),
        ({"a": 1, "é": 2}, "unknown_field", r"'\xe9' is no field of this request; the fields are a, b, c"),
    ):
        with pytest.raises(Refusal) as refused:
            check_names(fields, ("a",), ("b", "c"))
        assert (refused.value.code, refused.value.message) == (code, message)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (7, "invalid_field"),
        (None, "invalid_field"),
        (b"x", "invalid_field"),
        ("\ud83d", "invalid_field"),
        ("x" * 11, "text_too_long"),
        (" \n", "empty_text"),
    ],
)
def test_a_text_is_one_of_so_many_characters_with_a_word(value, code):
    with pytest.raises(Refusal, match="^a ") as refused:
        text({"a": value}, "a", 10)
    assert refused.value.code == code


def test_a_text_is_returned_as_it_came():
    assert text({"a": " é\0 "}, "a", 10) == " é\0 " and text({"a": ""}, "a", 10, may_be_empty=True) == ""
    assert file({"a": b""}, "a") == b""
    with pytest.raises(Refusal, match="a must be a file .with a filename., found text"):
        file({"a": "x"}, "a")


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0), (7, 7), ("7", 7), ("007", 7), (1.0, 1), (MAX_SEED, MAX_SEED), (str(MAX_SEED), MAX_SEED)],
)
def test_a_seed_is_a_whole_number_in_any_writing(value, number):
    assert seed({"seed": value}, "seed") == number and type(seed({"seed": value}, "seed")) is int
    assert seed({}, "seed") == 0


@pytest.mark.parametrize("value", [-1, MAX_SEED + 1, str(MAX_SEED + 1), 1.5, True, None, "-1", "1e3", "٣", [1], 1e300])
def test_what_is_no_seed_is_refused(value):
    with pytest.raises(Refusal, match=f"^seed must be a whole number from 0 to {MAX_SEED}, found "):
        seed({"seed": value}, "seed")
