"""Several servers of one service: which one a request goes to, and which ones are left alone for a while.

Sends nothing. The servers are taken to answer alike, so the result does not depend on the choice.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx2

REST_SECONDS = 30.0  # that a server which failed is left alone, unless all others fail, too
log = logging.getLogger(__name__)


@dataclass
class _Server:
    url: httpx2.URL
    in_flight: int = 0
    asked: int = 0
    rests_until: float | None = None  # by the clock; None: it works, as far as is known


class Replicas:
    """Servers that answer alike. Thread-safe."""

    def __init__(
        self, urls: Sequence[str], rest_seconds: float = REST_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Takes the base URL of each server, at least one.

        Args:
            urls: without query and fragment.
            rest_seconds: how long a server that failed is left alone.
            clock: seconds that never go back.
        """
        self._servers = [_Server(httpx2.URL(url)) for url in urls]
        self._rest_seconds, self._clock = rest_seconds, clock
        self._lock = threading.Lock()

    def send(self, request: httpx2.Request, send: Callable[[httpx2.Request], httpx2.Response]) -> httpx2.Response:
        """Sends a request to a server; where that one fails, at once to the next.

        A server fails with a status from 500 on, or without a response. The one with the fewest requests under way is
        asked first, and those that failed lately last.

        Args:
            request: to the first of the servers.
            send: sends a request to the server that its URL names.

        Returns:
            The first response that is no failure; if all servers fail, the last one's.

        Raises:
            httpx2.RequestError: all servers failed, the last one without a response.
        """
        left = list(self._servers)
        while True:
            server = self._take(left)
            left.remove(server)
            failure: object = "no answer"
            try:
                response = send(self._moved(request, server))
                failure = response.status_code if response.status_code >= 500 else None
                if not failure or not left:
                    return response
            except httpx2.RequestError as error:
                failure = type(error).__name__
                if not left:
                    raise
            finally:
                self._give_back(server, failure)

    def _take(self, servers: Sequence[_Server]) -> _Server:
        with self._lock:
            now = self._clock()
            server = min(servers, key=lambda one: (self._rest(one, now), one.in_flight, one.asked))
            server.in_flight += 1
            server.asked += 1
            if server.rests_until is not None:  # until its answer is here, the others' requests do not wait for it
                server.rests_until = now + self._rest_seconds
            return server

    @staticmethod
    def _rest(server: _Server, now: float) -> float:
        return 0.0 if server.rests_until is None else max(0.0, server.rests_until - now)

    def _give_back(self, server: _Server, failure: object) -> None:
        with self._lock:
            server.in_flight -= 1
            was_resting = server.rests_until is not None
            server.rests_until = self._clock() + self._rest_seconds if failure else None
        if len(self._servers) > 1 and bool(failure) != was_resting:
            if failure:
                log.warning("%s failed (%s) and is left alone for %g s", server.url, failure, self._rest_seconds)
            else:
                log.info("%s works again", server.url)

    def _moved(self, request: httpx2.Request, server: _Server) -> httpx2.Request:
        """The request, to this server in place of the first."""
        first = self._servers[0]
        if server is first:
            return request
        path = server.url.path.rstrip("/") + request.url.path.removeprefix(first.url.path.rstrip("/"))
        headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
        return httpx2.Request(
            request.method,
            server.url.copy_with(path=path),
            headers=headers,
            content=request.read(),
            extensions=request.extensions,
        )
