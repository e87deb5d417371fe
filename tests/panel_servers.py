"""The panel's page at a loopback port, in a thread of the test."""

import threading
from contextlib import contextmanager

import uvicorn

from mirror.exploration.command import listen
from mirror.exploration.page.server import PanelServer, server_config


@contextmanager
def panel_server(chat, port=0):
    """Serves a chat; gives the address, and ends with the block as after Ctrl-C."""
    listener = listen(port)
    server = PanelServer(chat)
    uvicorn_server = uvicorn.Server(server_config(server, log_config=None))
    thread = threading.Thread(target=uvicorn_server.run, kwargs={"sockets": [listener]}, name="panel")
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        uvicorn_server.should_exit = True
        server.close()
        thread.join()
        listener.close()
