"""Reads the body of a request into named fields, within limits and in memory only.

Uploads are bytes: the file name and the media type that a client sends are ignored.
"""

import asyncio
import json
import re
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser

from api.budget import Share
from api.errors import Refusal
from api.settings import ServiceSettings

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
JSON = "application/json"
MAX_PARTS = 20  # more than any form here has
MAX_UTF8 = 4  # bytes of a character
MAX_SEED = 2**63 - 1


class InMemoryParser(MultiPartParser):
    """Keeps uploads in memory, which the limits bound: starlette's parser spools files above 1 MB to the disk."""

    spool_max_size = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        """Refuses a text that is too long."""
        part = self._current_part
        if part.file is None and len(part.data) + end - start > self.max_part_size:
            message = f"{_shown(part.field_name)} may have {self.max_part_size} bytes, found more; shorten it"
            raise Refusal("text_too_long", message)
        super().on_part_data(data, start, end)


async def read_fields(
    request: Request, types: tuple[str, ...], settings: ServiceSettings, share: Share
) -> dict[str, Any]:
    """The fields of the body: text as str, files as bytes, JSON values as they are.

    Args:
        request: whose body is read.
        types: the media types that are accepted.
        settings: the limits.
        share: takes the bytes of the body as they arrive.

    Raises:
        Refusal: the body is of another type, too large, too slow or broken.
        Busy: the bodies of all requests together are too large.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.split(";")[0].strip().lower()
    if media_type not in types:
        found = f"found {media_type!r}" if media_type else "found no Content-Type"
        raise Refusal("unsupported_media_type", f"the body must be {' or '.join(types)}, {found}")
    charset = re.search(r'charset\W*([^\s;"]+)', content_type, re.IGNORECASE)
    if charset and charset[1].lower() not in (
        "utf-8",
        "utf8",
    ):  # other codecs may blow a body up
        raise Refusal("unsupported_media_type", f"the body must be UTF-8, found {charset[0]!r}")
    seconds = min(settings.upload_seconds, settings.request_seconds)
    try:
        async with asyncio.timeout(seconds):
            body = await _read(request, settings.max_body_bytes, share)
    except TimeoutError:
        message = f"the body did not arrive within {seconds:g} seconds; send it faster, or send less"
        raise Refusal("upload_timed_out", message, {"Connection": "close"}) from None
    # In a thread: a body with many parts takes long to parse, and other requests must not wait for it.
    fields = await run_in_threadpool(_parse, body, media_type, request.headers, settings.max_text)
    del body  # the traceback of a refusal keeps this frame until garbage is collected
    if isinstance(fields, Refusal):
        raise fields
    return fields


def _parse(body: bytes, media_type: str, headers: Headers, max_text: int) -> dict[str, Any] | Refusal:
    """The fields, or the Refusal."""
    read = {MULTIPART: _multipart_fields, URLENCODED: _form_fields, JSON: _json_fields}[media_type]
    try:
        return read(body, headers, max_text)
    except Refusal as refusal:
        return refusal.with_traceback(None)
    except (ValueError, RecursionError, MultiPartException) as error:
        return Refusal("invalid_request", f"the body is no {media_type}: {getattr(error, 'message', error)}")


async def _read(request: Request, max_bytes: int, share: Share) -> bytes:
    too_large = f"a body may have {max_bytes} bytes; send smaller pictures or a shorter text"
    declared = request.headers.get("content-length", "0")
    if int(declared) > max_bytes:
        raise Refusal("body_too_large", f"{too_large} (found {declared})")
    body = bytearray()
    async for chunk in request.stream():  # without a Content-Length, only counting tells
        body += chunk
        if len(body) > max_bytes:
            raise Refusal("body_too_large", f"{too_large} (found more)")
        share.take(len(chunk))
    return bytes(body)


def _json_fields(body: bytes, headers: Headers, max_text: int) -> dict[str, Any]:
    value = json.loads(body.decode("utf-8"))
    if not isinstance(value, dict):
        raise ValueError(f"must be an object, found {type(value).__name__}")
    return value


def _form_fields(body: bytes, headers: Headers, max_text: int) -> dict[str, Any]:
    pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MAX_PARTS)
    return _once(pairs)


def _multipart_fields(body: bytes, headers: Headers, max_text: int) -> dict[str, Any]:
    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    async def pairs() -> list[tuple[str, Any]]:
        limits = {"max_files": MAX_PARTS, "max_fields": MAX_PARTS, "max_part_size": MAX_UTF8 * max_text}
        form = await InMemoryParser(headers, stream(), **limits).parse()
        try:
            return [(name, part if isinstance(part, str) else part.file.read()) for name, part in form.multi_items()]
        finally:
            await form.close()

    return _once(asyncio.run(pairs()))  # never waits: the body is in memory


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise Refusal("invalid_field", f"{_shown(name)} was sent twice; send it once")
        fields[name] = value
    return fields


def check_names(fields: Mapping[str, Any], required: tuple[str, ...], optional: tuple[str, ...] = ()) -> None:
    """Raises Refusal if a required field is missing or a field is unknown."""
    for name in required:
        if name not in fields:
            raise Refusal("missing_field", f"{name} is missing; the fields are {', '.join(required + optional)}")
    for name in fields:
        if name not in required + optional:
            message = f"{_shown(name)} is no field of this request; the fields are {', '.join(required + optional)}"
            raise Refusal("unknown_field", message)


def text(fields: Mapping[str, Any], name: str, max_text: int, may_be_empty: bool = False) -> str:
    """The text in field `name`, of at most `max_text` characters. Raises Refusal for anything else."""
    value = fields[name]
    if not isinstance(value, str):
        raise Refusal("invalid_field", f"{name} must be text, found {_kind(value)}")
    if len(value) > max_text:
        raise Refusal("text_too_long", f"{name} may have {max_text} characters, found {len(value)}; shorten it")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Refusal("invalid_field", f"{name} must be Unicode text, found half a surrogate pair") from None
    if not may_be_empty and not value.strip():
        raise Refusal("empty_text", f"{name} must hold at least a word, found {value[:20]!r}")
    return value


def file(fields: Mapping[str, Any], name: str) -> bytes:
    """The content of the file in field `name`. Raises Refusal for anything else."""
    value = fields[name]
    if not isinstance(value, bytes):
        raise Refusal("invalid_field", f"{name} must be a file (with a filename), found {_kind(value)}")
    return value


def seed(fields: Mapping[str, Any], name: str) -> int:
    """The integer in field `name`, 0…2⁶³-1, as a JSON number or in digits; 0 if missing. Raises Refusal otherwise."""
    value = fields.get(name, 0)
    if isinstance(value, float) and value.is_integer():  # 1.0 is an integer in JSON Schema
        value = int(value)
    if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SEED:
        raise Refusal("invalid_field", f"{name} must be a whole number from 0 to {MAX_SEED}, found {_kind(value)}")
    return value


def _shown(name: str) -> str:
    return ascii(name[:80])  # a name may hold characters that no response can


def _kind(value: Any) -> str:
    if isinstance(value, bytes):
        return "a file"
    if isinstance(value, str):
        return "text"
    return "null" if value is None else f"{type(value).__name__} {value!s:.40}"
