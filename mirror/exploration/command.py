"""`python -m mirror.exploration`: serves the panel to a browser on this machine, at a loopback address."""

import argparse
import contextlib
import logging
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mirror.exploration.settings import ExploreSettings
from mirror.garbage import search_seldom
from mirror.settings.errors import SettingsError

if TYPE_CHECKING:
    from mirror.exploration.chat import Chat

PROGRAM = "python -m mirror.exploration"
DEFAULT = "params/counsel/pocket-llava.yaml"
PORT = 8010
HOST = "127.0.0.1"


def read_options(words: Sequence[str] | None, program: str) -> argparse.Namespace:
    """The command line; ends the process with a message if it is not one."""
    parser = argparse.ArgumentParser(
        prog=program,
        description="Play the client in a browser, and see what every model does. Nothing is saved unless you save it.",
        epilog="From another machine: ssh -L 8010:127.0.0.1:8010 HOST, then open http://127.0.0.1:8010 there.",
    )
    add = parser.add_argument
    add("configuration", nargs="?", default=DEFAULT, help=f"params file of counsel.ipynb; {DEFAULT} if left out")
    add("--against", default="", help="params file of a second counselor: both get your words, and you vote blindly")
    add("--checkpoint", help="folder that train.ipynb wrote; empty: the configuration's; left out: make demo's, if any")
    add("--cot", default="", help="base, planning, ec or ec_planning; left out: that of the configuration")
    add("--client", default="", help="idx of a client of the table; left out: the first")
    add("--run", default="explored", help="name of the run that keeps what you save; with two counselors, its start")
    add("--rater", default="explorer", help="your id in votes")
    add("--risk-classifier", default="", help="a text classifier that reads for risk beside the lexicon")
    add("--unsafe-labels", default="", help="its labels for risk, separated by commas")
    add("--seed", type=int, default=42, help="of all sampling")
    add("--port", type=int, default=PORT, help="at 127.0.0.1; 0 takes a free one")
    add("--no-browser", action="store_true", help="only print the address")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None, program: str = PROGRAM) -> int:
    """Serves the panel until Ctrl-C.

    Args:
        words: of the command line; None: those of this process.
        program: its name in messages.

    Returns:
        The exit status; the reason of one other than 0 was printed.
    """
    search_seldom()
    options = vars(read_options(words, program))
    port, quiet = options.pop("port"), options.pop("no_browser")
    logging.basicConfig(level="WARNING", format="%(message)s")
    try:
        settings = ExploreSettings.checked(options | {"turns": 1, "cue": "", "words": ""}, "option")
        from mirror.exploration.chat import Chat  # imports the library of models, which --help does without
        from mirror.exploration.run import Exploration

        chat = Chat(Exploration(settings))
        listener = listen(port)
    except (SettingsError, OSError, ValueError) as error:
        print(f"{program}: {error}", file=sys.stderr)
        return 2
    with contextlib.closing(listener):
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        print(f"{address}  (Ctrl-C ends it; what is not saved is lost)", flush=True)
        if not quiet:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        serve(chat, listener)
    return 0


def listen(port: int) -> socket.socket:
    """A socket that listens at the loopback address.

    Raises:
        OSError: the port is taken; the message says what to do.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise OSError(f"cannot listen at {HOST}:{port} ({error}); give another --port, or 0 for a free one") from None
    return listener


def serve(chat: "Chat", listener: socket.socket) -> None:
    """Serves a chat at a listening socket until the process is told to end."""
    import uvicorn

    from mirror.exploration.page.server import PanelServer, server_config

    server = PanelServer(chat)

    class Ending(uvicorn.Server):
        def handle_exit(self, sig: int, frame: object) -> None:
            server.close()  # or open pages would keep the process
            super().handle_exit(sig, frame)  # type: ignore[arg-type]

    with contextlib.suppress(KeyboardInterrupt):
        Ending(server_config(server, log_level="warning")).run(sockets=[listener])
