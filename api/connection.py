"""HTTP connections that end: deadlines for what uvicorn waits for without end, and a limit of their number.

Knows nothing of what is asked. The body of a request has its deadline where it is read (`api.forms`).
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.errors import Refusal
from api.headers import SECURITY

MAX_HEADER_BYTES = 16 * 1024  # of one request, all its header lines together
PIECE_BYTES = 4096  # by which a header goes over its limit at the most
KEEP_ALIVE_SECONDS = 5  # of silence between two requests


class BoundedConnection(H11Protocol):
    """uvicorn's connection, which has no deadline of its own for a header, for the rest of a body that was answered
    before it was read, or for a client that does not take its answer.

    Args:
        header_seconds: between two requests, until the header of the second is complete; for the first, from the
            connection's begin. The rest of a refused body must arrive in it, too.
        answer_seconds: for the client to take what is written to it.
        max_connections: of the service. One more replaces the one that has waited longest without a request; where
            each has a request, it is told `busy`.
    """

    def __init__(
        self, *args: Any, header_seconds: float, answer_seconds: float, max_connections: int, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self.header_seconds, self.answer_seconds = header_seconds, answer_seconds
        self.max_connections = max_connections
        self.waiting_since = self.loop.time()
        self._header_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None

    @property
    def has_request(self) -> bool:
        """Whether a request is under way: its header has come, and it is not answered."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._watch()
        if len(self.connections) <= self.max_connections:
            return
        others = [one for one in self.connections if one is not self and not one.has_request]
        if others:
            min(others, key=lambda one: one.waiting_since).abandon()
        else:
            message = f"all {self.max_connections} connections have a request under way; try again in a moment"
            self._refuse(Refusal("busy", message, {"Retry-After": "1"}))

    def connection_lost(self, exc: Exception | None) -> None:
        self._header_timer = _cancelled(self._header_timer)
        self._answer_timer = _cancelled(self._answer_timer)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        while not self.has_request and len(data) > PIECE_BYTES and not self.transport.is_closing():
            # h11 limits what it waits for, and would take a header of any size that came in one piece
            super().data_received(data[:PIECE_BYTES])
            data = data[PIECE_BYTES:]
        if not self.transport.is_closing():
            super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._answer_timer = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._answer_timer = _cancelled(self._answer_timer)

    def send_400_response(self, msg: str) -> None:
        self._refuse(Refusal("invalid_request", f"this is no HTTP request that can be read: {msg}"))

    def abandon(self) -> None:
        """Ends a connection without a request; half a header is answered first."""
        if self.conn.our_state is h11.IDLE and self.conn.trailing_data[0]:
            message = f"the header did not arrive within {self.header_seconds:g} seconds; send it faster"
            self._refuse(Refusal("upload_timed_out", message))
        else:
            self.transport.abort()
        self.connections.discard(self)  # now, and not when the event loop comes to it: others may be counting

    def _watch(self) -> None:
        """Starts the deadline where a request is waited for, and stops it once one is there."""
        if self.has_request:
            self._header_timer = _cancelled(self._header_timer)
        elif self._header_timer is None and not self.transport.is_closing():
            self.waiting_since = self.loop.time()
            self._header_timer = self.loop.call_later(self.header_seconds, self.abandon)

    def _refuse(self, refusal: Refusal) -> None:
        """Answers and hangs up; where an answer is under way already, only that."""
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE) and not self.transport.is_closing():
            response = refusal.response
            headers = [*response.raw_headers, *((name.encode(), value.encode()) for name, value in SECURITY.items())]
            start = h11.Response(status_code=response.status_code, headers=[*headers, (b"connection", b"close")])
            for event in (start, h11.Data(data=response.body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event))
        self.transport.close()


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
