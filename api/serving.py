"""The parts that both services share: the app around a model's batch method, and the process that serves it."""

import asyncio
import contextlib
import ctypes
import functools
import gc
import logging
import math
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, cast

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field, JsonValue
from starlette.types import ASGIApp
from uvicorn.config import STARTUP_FAILURE

from api import workers
from api.batching import Batcher
from api.budget import Budget
from api.connection import KEEP_ALIVE_SECONDS, MAX_HEADER_BYTES, BoundedConnection
from api.errors import answer_errors_as_json, declared
from api.headers import SecurityHeaders
from api.origin import OwnNames, OwnPages
from api.pages.docs import add_docs
from api.pages.trial import Trial, trial_page
from api.settings import ServiceSettings
from mirror.garbage import search_seldom
from mirror.provenance import commit, versions
from mirror.secrets import TOKEN
from mirror.services.browser import POLICY, is_loopback
from mirror.services.service import token_of_environment

SettingsType = TypeVar("SettingsType", bound=ServiceSettings)
# The settings that /health shows.
LIMITS = (
    *("max_batch", "queue", "header_seconds", "upload_seconds", "request_seconds", "max_connections"),
    *("max_body_bytes", "bytes_at_once", "max_text", "max_pixels", "pixels_at_once"),
)
M_MMAP_THRESHOLD, LARGE_BLOCK = -3, 2**20  # of mallopt in glibc's malloc.h; bytes

log = logging.getLogger("api")


class Health(BaseModel):
    """What runs here: enough to say later which models and thresholds an answer came from."""

    status: Literal["ok"] = "ok"
    name: str = Field(description="of the service")
    version: str = Field(description="of this software")
    code: dict[str, JsonValue] = Field(description="the commit it runs from, and whether files differ from it")
    facts: dict[str, JsonValue] = Field(description="models, revisions, thresholds")
    workers: int = Field(description="processes that answer; each has models and limits of its own")
    limits: dict[str, int | float] = Field(
        description="what a request may hold, how long it may take, and what a worker takes at a time"
    )


def new_app(
    name: str,
    what: str,
    facts: Callable[[], dict[str, Any]],
    settings: ServiceSettings,
    batcher: Batcher[Any, Any],
    token: str | None,
    trial: Trial,
) -> FastAPI:
    """Creates an app with `GET /`, `GET /health`, documentation, and JSON for every fault.

    Args:
        name: of the service.
        what: one sentence for people.
        facts: models and thresholds; called at every `GET /health`.
        settings: address and limits.
        batcher: runs while the app runs.
        token: the bearer token; None: every caller on this machine is served.
        trial: what people can try in the page at `/`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with batcher:
            yield

    version = versions().get("mirror-notebooks", "unknown")
    limits = {limit: value for limit, value in settings.model_dump().items() if limit in LIMITS}
    health = Health(name=name, version=version, code=commit(), facts=facts(), workers=settings.workers, limits=limits)
    title = f"MIRROR {name}"
    app = Service(
        title=title,
        description=what,
        version=version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.batcher, app.state.settings = batcher, settings
    app.state.uploads = Budget(settings.bytes_at_once, "bytes of uploads")
    answer_errors_as_json(app)
    if token is None and is_loopback(settings.host):
        app.add_middleware(OwnNames)
    app.add_middleware(OwnPages)

    add_docs(app, title)
    page = trial_page(title, what, trial, asks_token=token is not None)
    own = ("forbidden_origin",) if token else ("forbidden_origin", "forbidden_host")

    @app.get("/", response_class=HTMLResponse, summary="A page to try the service", responses=declared(*own))
    async def root() -> HTMLResponse:
        return HTMLResponse(page.html, headers={POLICY: page.policy})

    @app.get("/health", summary="Models, thresholds, limits", responses=declared("internal_error", *own))
    async def read_health() -> Health:
        return health.model_copy(update={"facts": facts()})

    return app


class Service(FastAPI):
    """An app whose every response has the security headers, error responses too."""

    def build_middleware_stack(self) -> ASGIApp:
        """Adds the headers outside all other middleware."""
        return SecurityHeaders(super().build_middleware_stack())


def server_config(app: FastAPI, **options: Any) -> uvicorn.Config:
    """The uvicorn configuration of an `app` of `new_app`: connections with deadlines, no server header.

    `options` are further ones of uvicorn.
    """
    return _config(app, app.state.settings, **options)


def _config(app: FastAPI | Callable[[], FastAPI], settings: ServiceSettings, **options: Any) -> uvicorn.Config:
    connection = functools.partial(
        BoundedConnection,
        header_seconds=settings.header_seconds,
        answer_seconds=settings.upload_seconds,
        max_connections=settings.max_connections,
    )
    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", connection),  # uvicorn calls it, and no more
        ws="none",
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        **options,
    )


@dataclass(frozen=True)
class Worker(Generic[SettingsType]):
    """Makes the app of a worker process, in that process.

    Attributes:
        program: its name in messages.
        settings: of the service.
        load: as of `start`.
        create_app: as of `start`.
        places: folder in which the workers take numbers.
    """

    program: str
    settings: SettingsType
    load: Callable[[SettingsType], Any]
    create_app: Callable[[Any, SettingsType, str | None], FastAPI]
    places: Path

    def __call__(self) -> FastAPI:
        """The app over newly loaded models; ends the process with one sentence if they cannot be loaded."""
        configure_log()
        try:
            number = workers.join(self.places, self.settings.workers)
            with workers.interruptible():
                collaborator = self.load(self.settings)
        except (OSError, ValueError, RuntimeError) as error:
            print(f"{self.program}: {' '.join(str(error).split())}", file=sys.stderr)
            sys.exit(STARTUP_FAILURE)
        app = self.create_app(collaborator, self.settings, token_of_environment())
        keep_memory_flat()
        log.info("worker %d is ready, process %d", number, os.getpid())
        return app


def start(
    program: str,
    settings_type: type[SettingsType],
    load: Callable[[SettingsType], Any],
    create_app: Callable[[Any, SettingsType, str | None], FastAPI],
) -> int:
    """Runs a service until it is stopped. A fault at the start is one sentence, without a traceback.

    Args:
        program: its name in messages.
        settings_type: read from the environment and the command line.
        load: creates what the app needs; raises OSError, ValueError or RuntimeError if it cannot.
        create_app: makes the app of that, the settings and the token.

    Returns:
        The exit status.
    """
    search_seldom()
    settings = settings_type.from_command_line(program)
    configure_log()
    try:
        token = token_of_environment()
    except ValueError as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    with contextlib.ExitStack() as failed:
        try:
            # Before the models load: a taken port is reported at once.
            listener = failed.enter_context(bind(settings.host, settings.port))
            collaborator = load(settings) if settings.workers == 1 else None
        except (OSError, ValueError, RuntimeError) as error:
            print(f"{program}: {' '.join(str(error).split())}", file=sys.stderr)
            return 1
        failed.pop_all()
    if token is None and not is_loopback(settings.host):
        log.warning(
            "listening at %s without a token: whoever reaches this machine can use it; set %s here and at the callers",
            *(settings.host, TOKEN),
        )
    listener.listen()  # from now on callers wait instead of being refused
    host, port = listener.getsockname()[:2]
    log.info("%s: http://%s:%d", program, f"[{host}]" if ":" in host else host, port)
    patience = math.ceil(settings.request_seconds) + 1  # requests in progress are answered before the end
    if settings.workers > 1:
        with workers.places() as places:
            worker = Worker(program, settings, load, create_app, places)
            options = {"factory": True, "workers": settings.workers, "timeout_graceful_shutdown": patience}
            return workers.supervise(_config(worker, settings, **options), listener)
    config = server_config(create_app(collaborator, settings, token), timeout_graceful_shutdown=patience)
    keep_memory_flat()
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def configure_log() -> None:
    """Sends messages of level INFO and above to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(name)s: %(message)s")


def keep_memory_flat() -> None:
    """Returns large freed blocks to the system, and makes garbage collection frequent.

    glibc raises its mmap threshold to the largest block that was freed, up to 32 MB: after a few large pictures such
    blocks fragment its heaps, which held twice what the service needs. Models and modules are never garbage; freezing
    them keeps their number from delaying collections.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # another C library
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
    gc.collect()
    gc.freeze()


def bind(host: str, port: int) -> socket.socket:
    """A bound socket that does not listen yet. Raises OSError with a sentence that says what to do."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with contextlib.ExitStack() as failed:
            listener = failed.enter_context(socket.socket(family, kind, protocol))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            failed.pop_all()
    except OSError as error:
        raise OSError(
            f"cannot listen at {host}, port {port}: {error.strerror}; choose others: --host, --port"
        ) from None
    return listener
