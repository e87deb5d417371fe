"""An HTTP client that reads complete responses within a time limit and a size limit, from the named host only.

The timeouts of HTTP libraries apply between two bytes, so a server that sends a byte at a time is waited for without
end. Here one deadline covers connecting, sending, headers and body. Redirects are not followed: they would carry
prompts, pictures and keys to another host.
"""

import json
import os
import ssl
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2

LARGEST = 4_000_000  # bytes of a response, both compressed and decompressed
SLICE = 16_384  # bytes that are sent between two checks of the deadline
PACKINGS = ("gzip", "x-gzip", "deflate")
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # variables of the environment that name trusted ones
LOOPBACK = ("127.0.0.1", "::1", "localhost")
_EITHER_FORM = 32 + zlib.MAX_WBITS  # zlib detects gzip and zlib headers by itself
_own = threading.local()  # the deadline of this thread's current request


class UnusableAnswer(httpx2.RequestError):
    """A response that is too large, or not compressed as its header says."""


class HttpClient(httpx2.Client):
    """A client that reads every response to its end, and decodes it as UTF-8 whatever its headers say."""

    def __init__(self, urls: Sequence[str], seconds: float, connect_seconds: float, largest: int = LARGEST) -> None:
        """Opens no connection yet.

        Args:
            urls: of the hosts that will be asked; for a loopback host no proxy of the environment is used.
            seconds: deadline for a complete response, from connecting to the last byte.
            connect_seconds: of these, for connecting.
            largest: most bytes of a response, both compressed and decompressed.
        """
        trust_env = any(urlsplit(url).hostname not in LOOPBACK for url in urls)
        super().__init__(
            verify=_certificates(trust_env, *map(os.environ.get, CERTIFICATES)),
            trust_env=trust_env,
            mounts={f"all://{f'[{host}]' if ':' in host else host}": None for host in LOOPBACK},
            headers={"Accept-Encoding": "gzip, deflate"},
            timeout=httpx2.Timeout(seconds, connect=min(connect_seconds, seconds)),
            limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100),
            follow_redirects=False,
        )
        self.seconds, self.largest = seconds, largest
        for transport in (self._transport, *self._mounts.values()):
            if isinstance(transport, httpx2.HTTPTransport):
                transport._pool._network_backend = _Backend(transport._pool._network_backend)

    def send(self, request: httpx2.Request, *, stream: bool = False, **options: Any) -> httpx2.Response:
        """The complete response; it is never streamed.

        Raises:
            httpx2.TimeoutException: the deadline passed.
            UnusableAnswer: the response is too large, or not compressed as its header says.
            httpx2.RequestError: there is no response.
        """
        with _deadline(self.seconds):
            options["follow_redirects"] = False
            response = super().send(request, stream=True, **options)
            try:
                body = self._body(response)
            finally:
                response.close()
        left_out = (b"content-encoding", b"content-length", b"content-type", b"transfer-encoding")
        # Raw bytes: a header need not be ASCII.
        headers = [(name, value) for name, value in response.headers.raw if name.lower() not in left_out]
        kind = response.headers.get("content-type", "").partition(";")[0].strip()
        headers += [(b"content-type", f"{kind}; charset=utf-8".encode())] if kind else []
        extensions = {"reason_phrase": response.extensions.get("reason_phrase", b"")}
        content = decoded(body).encode()
        return httpx2.Response(
            response.status_code, headers=headers, content=content, request=request, extensions=extensions
        )

    def _body(self, response: httpx2.Response) -> bytes:
        packing = response.headers.get("content-encoding", "identity").strip().lower()
        if packing not in (*PACKINGS, "identity", ""):
            raise UnusableAnswer(f"its answer is packed as {packing[:40]!r}, which was not asked for")
        unpacked = _Unpacked(self.largest) if packing in PACKINGS else None
        body, received = bytearray(), 0
        for chunk in response.iter_raw():
            _left()
            received += len(chunk)
            body += unpacked.read(chunk) if unpacked else chunk
            if max(received, len(body)) > self.largest:
                raise UnusableAnswer(f"its answer is larger than {self.largest:,} bytes")
        if unpacked and received and not unpacked.is_whole:
            raise UnusableAnswer(f"its answer is not packed as {packing}, as it says")
        return bytes(body)


@cache  # reading them takes as long as many requests
def _certificates(trust_env: bool, *_named: str | None) -> ssl.SSLContext:
    """Whom clients trust, read once unless the environment names others; contexts are shared between threads."""
    return httpx2.create_ssl_context(trust_env=trust_env)


def decoded(body: bytes) -> str:
    """`body` as text, by the encoding that JSON prescribes: UTF-8, or UTF-16 or UTF-32 as its first bytes show.

    Bytes that are not valid become U+FFFD.
    """
    return body.decode(json.detect_encoding(body), "replace")


class _Unpacked:
    """Decompresses gzip and zlib, never much more than `largest` bytes."""

    def __init__(self, largest: int) -> None:
        self._left = largest
        self._stream = zlib.decompressobj(_EITHER_FORM)

    @property
    def is_whole(self) -> bool:
        return self._stream.eof

    def read(self, packed: bytes) -> bytes:
        found = bytearray()
        try:
            while packed and self._left >= 0:
                if self._stream.eof:  # gzip may continue with another member
                    self._stream = zlib.decompressobj(_EITHER_FORM)
                part = self._stream.decompress(packed, self._left + 1)
                found += part
                self._left -= len(part)
                packed = self._stream.unused_data or self._stream.unconsumed_tail
        except zlib.error:
            raise UnusableAnswer("its answer is not packed as its header says") from None
        return bytes(found)


# The deadline ---------------------------------------------------------------------------------------------------------


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    _own.ends, _own.seconds = time.monotonic() + seconds, seconds
    try:
        yield
    finally:
        del _own.ends


def _left(timeout: float | None = None) -> float | None:
    """Seconds that the thread may still wait, at most `timeout`; raises ReadTimeout if its deadline has passed."""
    if not hasattr(_own, "ends"):
        return timeout
    left = _own.ends - time.monotonic()
    if left <= 0:
        raise httpx2.ReadTimeout(f"no whole answer within {_own.seconds:g} seconds")
    return left if timeout is None else min(left, timeout)


class _Backend(httpcore2.NetworkBackend):
    """Opens the connections of a pool (`httpcore2.NetworkBackend`) within the deadline."""

    def __init__(self, backend: httpcore2.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any) -> "_Stream":
        return _Stream(self._backend.connect_tcp(host, port, _left(timeout), *args, **options))

    def connect_unix_socket(self, path: str, timeout: float | None = None, *args: Any, **options: Any) -> "_Stream":
        return _Stream(self._backend.connect_unix_socket(path, _left(timeout), *args, **options))

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore2.NetworkStream):
    """A connection (`httpcore2.NetworkStream`) that reads and writes within the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), SLICE):
            self._stream.write(buffer[start : start + SLICE], _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "_Stream":
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
