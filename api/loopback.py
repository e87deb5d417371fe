"""Runs an app on a free loopback port, in a thread of this process: for measurements and tests."""

import contextlib
import threading
from collections.abc import Iterator

import uvicorn

from api.serving import bind, server_config


@contextlib.contextmanager
def running(app) -> Iterator[str]:
    """The URL of `app`, of `new_app`, which is served until the end of the context."""
    listener = bind("127.0.0.1", 0)
    listener.listen()  # from here on a caller waits and is not refused
    config = server_config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="server")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
