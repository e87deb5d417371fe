"""The error responses of both services: one JSON form with a stable code and a sentence."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.batching import BatchFailed, Busy, TimedOut

# Code → status and meaning. 4xx: the request must change. 5xx: a fault of the service; the request may be repeated.
CODES: dict[str, tuple[int, str]] = {
    "invalid_request": (400, "the body cannot be read: broken, cut off, or not UTF-8"),
    "unauthorized": (401, "the bearer token is missing or wrong"),
    "forbidden_host": (403, "the request names another host than this machine"),
    "forbidden_origin": (403, "a browser sent the request for a page of another site"),
    "not_found": (404, "there is nothing at this path"),
    "method_not_allowed": (405, "this path has other methods"),
    "upload_timed_out": (408, "the header or the body did not arrive in time"),
    "body_too_large": (413, "the body has more bytes than the service takes"),
    "too_many_pixels": (413, "a picture has more pixels to decode than the service takes"),
    "unsupported_media_type": (415, "the body is of a type that the service does not read"),
    "unsupported_image_type": (415, "a picture is no PNG, JPEG or WebP"),
    "unsupported_image_shape": (422, "a picture has a side of a few pixels, or is many times as long as wide"),
    "missing_field": (422, "a field is missing"),
    "unknown_field": (422, "a field has a name that the service does not know"),
    "invalid_field": (422, "a field is of the wrong kind or out of range"),
    "empty_text": (422, "a text holds no word"),
    "text_too_long": (422, "a text has more characters than the service takes"),
    "unreadable_base_image": (422, "the portrait cannot be decoded to its end"),
    "internal_error": (500, "a fault of the service; its log says more"),
    "backend_unavailable": (502, "the model behind the service does not answer"),
    "busy": (503, "as many requests, bytes or pixels as the service takes are under way; Retry-After says when to ask"),
    "timed_out": (504, "the model did not answer in time"),
}
# The codes of every route that takes a body.
OF_ANY_BODY = (
    *("invalid_request", "upload_timed_out", "body_too_large", "unsupported_media_type", "missing_field"),
    *("unknown_field", "invalid_field", "empty_text", "text_too_long", "internal_error", "busy", "timed_out"),
)


class Error(BaseModel):
    """What every answer holds that is not the one asked for."""

    error: str = Field(description="stable, for programs", json_schema_extra={"enum": list(CODES)})
    message: str = Field(description="one sentence for people: what, what was found, what to do")


class Refusal(Exception):
    """An error response; raised wherever a request is refused."""

    def __init__(self, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        """`code` is one of CODES and determines the status; `headers` are added to the response."""
        super().__init__(message)
        self.code, self.message, self.headers = code, message, headers

    @property
    def response(self) -> JSONResponse:
        """The HTTP response."""
        content = Error(error=self.code, message=self.message).model_dump()
        return JSONResponse(content, CODES[self.code][0], headers=self.headers)


def declared(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The responses with these codes, by status, for OpenAPI."""
    answers: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        status, meaning = CODES[code]
        answer = answers.setdefault(status, {"model": Error, "description": ""})
        answer["description"] += f"{'; ' if answer['description'] else ''}`{code}`: {meaning}"
    return answers


def answer_errors_as_json(app: FastAPI) -> None:
    """Makes `app` answer every fault in this form; unexpected ones are logged, and their details are not sent."""

    @app.exception_handler(Refusal)
    async def refused(request: Request, refusal: Refusal) -> JSONResponse:
        return refusal.response

    @app.exception_handler(HTTPException)
    async def not_routed(request: Request, error: HTTPException) -> JSONResponse:
        code = "method_not_allowed" if error.status_code == 405 else "not_found"
        paths = ", ".join(sorted(app.openapi()["paths"]))
        message = f"{request.method} {request.url.path} is nothing that this service does; its paths are {paths}"
        return Refusal(code, message, error.headers).response

    @app.exception_handler(Busy)
    async def busy(request: Request, error: Busy) -> JSONResponse:
        return Refusal("busy", f"{error}; try again in a moment", {"Retry-After": "1"}).response

    @app.exception_handler(TimedOut)
    async def timed_out(request: Request, error: TimedOut) -> JSONResponse:
        return Refusal("timed_out", f"{error}; try again, or give --request-seconds a larger value").response

    @app.exception_handler(ClientDisconnect)
    async def gone(request: Request, error: ClientDisconnect) -> JSONResponse:
        return Refusal("invalid_request", "the body was cut off").response  # nobody hears it

    @app.exception_handler(BatchFailed)  # logged where it failed, once for the batch
    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        message = "a fault inside the service, not of the request; its log on the server holds the traceback"
        return Refusal("internal_error", message).response
