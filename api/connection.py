"""HTTP connections with deadlines that uvicorn does not have, and a limit on their number.

The deadline for the body of a request is in `api.forms`, which reads it.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.errors import Refusal
from mirror.services.browser import SECURITY

MAX_HEADER_BYTES = 16 * 1024  # of one request, all its header lines together
PIECE_BYTES = 4096  # by which a header may exceed its limit
KEEP_ALIVE_SECONDS = 5  # of silence between two requests


class BoundedConnection(H11Protocol):
    """uvicorn's connection with three more deadlines.

    They cover a header, the rest of a body that was answered before it was read, and a client that does not read its
    answer.
    """

    def __init__(
        self, *args: Any, header_seconds: float, answer_seconds: float, max_connections: int, **options: Any
    ) -> None:
        """Takes the arguments of uvicorn's connection, and three more.

        Args:
            args: of uvicorn's connection.
            header_seconds: from the end of a request, or the start of the connection, until the next header is
                complete. The rest of a refused body must arrive within it, too.
            answer_seconds: for the client to read what is written to it.
            max_connections: of the service. One more replaces the one that has waited longest without a request; if
                each has a request, the new one is answered `busy`.
            options: of uvicorn's connection.
        """
        super().__init__(*args, **options)
        self.header_seconds, self.answer_seconds = header_seconds, answer_seconds
        self.max_connections = max_connections
        self.waiting_since = self.loop.time()
        self._header_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None

    @property
    def has_request(self) -> bool:
        """Whether a request is in progress: its header is complete, and it is not answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Starts the deadline; makes room if there are too many connections."""
        super().connection_made(transport)
        self._watch()
        if len(self.connections) <= self.max_connections:
            return
        others = [
            one
            for one in self.connections
            if isinstance(one, BoundedConnection) and one is not self and not one.has_request
        ]
        if others:
            min(others, key=lambda one: one.waiting_since).abandon()
        else:
            message = f"all {self.max_connections} connections have a request under way; try again in a moment"
            self._refuse(Refusal("busy", message, {"Retry-After": "1"}))

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the deadlines."""
        _cancel(self._header_timer)
        _cancel(self._answer_timer)
        self._header_timer = self._answer_timer = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Passes data on, in pieces while a header is awaited."""
        while not self.has_request and len(data) > PIECE_BYTES and not self.transport.is_closing():
            # h11 limits incomplete headers only, and would accept one of any size that arrives in one piece
            super().data_received(data[:PIECE_BYTES])
            data = data[PIECE_BYTES:]
        if not self.transport.is_closing():
            super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        """Starts the deadline for the next request; on a connection that ends with this answer, for reading it."""
        super().on_response_complete()
        self._watch()
        if self.transport.is_closing():
            self._await_reader()

    def pause_writing(self) -> None:
        """Starts the deadline for the client to read."""
        super().pause_writing()
        self._await_reader()

    def resume_writing(self) -> None:
        """Stops the deadline for the client to read; a connection that is closing keeps it until all is read."""
        super().resume_writing()
        if not self.transport.is_closing():
            _cancel(self._answer_timer)
            self._answer_timer = None

    def send_400_response(self, msg: str) -> None:
        """Answers what is not HTTP in the services' own form."""
        self._refuse(Refusal("invalid_request", f"this is no HTTP request that can be read: {msg}"))

    def abandon(self) -> None:
        """Closes a connection without a request; an incomplete header is answered first."""
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            message = f"the header did not arrive within {self.header_seconds:g} seconds; send it faster"
            self._refuse(Refusal("upload_timed_out", message))
        else:
            self.transport.abort()
        self.connections.discard(self)  # at once, not when the event loop gets to it: others may count now

    def _watch(self) -> None:
        """Starts the deadline while a request is awaited, and stops it once there is one."""
        if self.has_request:
            _cancel(self._header_timer)
            self._header_timer = None
        elif self._header_timer is None and not self.transport.is_closing():
            self.waiting_since = self.loop.time()
            self._header_timer = self.loop.call_later(self.header_seconds, self.abandon)

    def _await_reader(self) -> None:
        """Starts the deadline for the client to read, unless it runs: a transport closes once all is read, or never."""
        if self._answer_timer is None:
            self._answer_timer = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def _refuse(self, refusal: Refusal) -> None:
        """Answers and closes; if an answer was started already, only closes."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            response = refusal.response
            headers = [*response.raw_headers, *((name.encode(), value.encode()) for name, value in SECURITY.items())]
            start = h11.Response(status_code=response.status_code, headers=[*headers, (b"connection", b"close")])
            for event in (start, h11.Data(data=response.body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        self.transport.close()
        self._await_reader()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
