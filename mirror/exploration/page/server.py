"""Serves the panel's page to browsers on this machine: the page, its state as events, and what a person does.

Knows nothing of how a turn is taken. Listens on a loopback address only, and answers no page of another site.
"""

import asyncio
import json
import threading
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import uvicorn
from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mirror.exploration.actions import Action
from mirror.exploration.chat import Busy, Chat
from mirror.exploration.page import chat_page
from mirror.exploration.portrait import MOST_BYTES
from mirror.exploration.view.profile import profile_page
from mirror.services.browser import POLICY, SECURITY, foreign_site, names_this_machine

MOST_BODY = MOST_BYTES * 4 // 3 + 2**20  # of a request: a portrait in base64, and texts
ACTION: TypeAdapter[Action] = TypeAdapter(Action)


class OwnBrowser:
    """ASGI middleware that answers browsers on this machine, for its own page only, with headers that keep it apart."""

    def __init__(self, app: ASGIApp) -> None:
        """Wraps `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    own.setdefault(name, value)
            await send(message)

        answer = _refused(headers, scope["method"]) or self.app
        await answer(scope, receive, send_with_headers)


def _refused(headers: Headers, method: str) -> JSONResponse | None:
    """The answer to a request that is not of the panel's own page."""
    host = headers.get("host", "")
    if not names_this_machine(host):
        return _error(403, f"the panel answers on this machine only, found the host {host[:80]!r}")
    foreign = foreign_site(headers.getlist("origin"), headers.getlist("sec-fetch-site"), host)
    if foreign is not None:
        return _error(403, f"the panel answers no page of another site, found {foreign[:80]!r}; open its own page")
    if method == "POST" and headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return _error(415, "the panel takes application/json only")
    return None


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message}, status)


class PanelServer:
    """The app over one chat; actions run one after another in a thread of their own.

    Attributes:
        app: the ASGI app.
        boot: of no other server, so that a page notices that its session is gone.
    """

    def __init__(self, chat: Chat) -> None:
        """Serves `chat`; nothing listens yet."""
        self.chat, self.boot = chat, uuid.uuid4().hex
        self._page, self._policy = chat_page(chat)
        self._thread = ThreadPoolExecutor(1, "panel")
        self._changed: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._closing = threading.Event()
        chat.listeners.append(self._wake)
        routes = [
            Route("/", self._read_page),
            Route("/events", self._events),
            Route("/profile", self._profile),
            Route("/exchanges/{key}", self._exchange),
            Route("/actions", self._act, methods=["POST"]),
            Route("/stop", self._stop, methods=["POST"]),
        ]
        self.app = OwnBrowser(Starlette(routes=routes))

    def close(self) -> None:
        """Ends the events, and stops what is under way before its next step."""
        self._closing.set()
        self.chat.stop()
        self._wake()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def state(self) -> dict[str, Any]:
        """What the page shows, without the exchanges themselves."""
        chat, explored = self.chat, self.chat.exploration
        mark = "blind" if chat.is_blind else "open"
        return {
            "boot": self.boot,
            "version": chat.version,
            "doing": chat.doing,
            "typed": asdict(chat.typed) if chat.typed else None,
            "fault": asdict(chat.fault) if chat.fault else None,
            "went_well": chat.went_well,
            "note": chat.note,
            "draft": asdict(chat.draft),
            "session": chat.sessions,
            "client": explored.profile.idx,
            "name": explored.profile.name or "the client",
            "own": explored.profile.idx not in explored.profiles,
            "exchanges": [f"{one.serial}-{mark}" for one in explored.exchanges],
            "counselors": chat.counselors,
            "saved": chat.is_saved,
            "can": sorted(chat.can),
        }

    async def _read_page(self, request: Request) -> Response:
        return HTMLResponse(self._page, headers={POLICY: self._policy})

    async def _events(self, request: Request) -> Response:
        return StreamingResponse(self._states(), media_type="text/event-stream")

    async def _states(self) -> AsyncIterator[str]:
        changed = asyncio.Event()
        own = (asyncio.get_running_loop(), changed)
        self._changed.add(own)
        try:
            while not self._closing.is_set():
                changed.clear()
                yield f"retry: 1000\ndata: {json.dumps(self.state())}\n\n"
                await changed.wait()
        finally:
            self._changed.discard(own)

    def _wake(self) -> None:
        """Lets every page have the new state; called in any thread."""
        for loop, changed in tuple(self._changed):
            loop.call_soon_threadsafe(changed.set)

    async def _profile(self, request: Request) -> Response:
        return HTMLResponse(await run_in_threadpool(profile_page, self.chat.exploration.profile))

    async def _exchange(self, request: Request) -> Response:
        serial, _, _ = request.path_params["key"].partition("-")
        found = [one for one in self.chat.exploration.exchanges if str(one.serial) == serial]
        if not found:
            return _error(404, "there is no such turn; it was taken back")
        return HTMLResponse(await run_in_threadpool(self.chat.exchange_page, found[0]))

    async def _act(self, request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > MOST_BODY:
                return _error(413, f"at most {MOST_BYTES // 2**20} MB are read; scale the picture down")
        try:
            work = self.chat.accept(ACTION.validate_json(bytes(body)))
        except ValidationError as error:
            return _error(422, "; ".join(map(_fault, error.errors(include_url=False))))
        except Busy as error:
            return _error(409, str(error))
        self._thread.submit(work)
        return JSONResponse({"message": "taken on"}, 202)

    async def _stop(self, request: Request) -> Response:
        self.chat.stop()
        return JSONResponse({"message": "it stops before its next step"}, 202)


def _fault(fault: Any) -> str:
    """One of pydantic's faults in words."""
    message = fault["msg"].removeprefix("Value error, ")
    where = ".".join(map(str, fault["loc"][1:]))
    return f"{where}: {message}" if where else message


def server_config(server: PanelServer, **options: Any) -> uvicorn.Config:
    """The uvicorn configuration of the panel; `options` are further ones of uvicorn."""
    return uvicorn.Config(
        server.app, ws="none", server_header=False, access_log=False, timeout_graceful_shutdown=2, **options
    )
