"""Serves an app on a free loopback port, in a thread of this process: for benchmarks and tests."""

import contextlib
import threading
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from api.serving import bind, server_config


@contextlib.contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serves an `app` of `new_app` until the end of the context; gives its URL."""
    listener = bind("127.0.0.1", 0)
    listener.listen()  # from now on callers wait instead of being refused
    config = server_config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
