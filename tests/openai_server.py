"""An OpenAI-compatible server on a loopback port: it stands where a vendor would, and speaks its wire format.

    with OpenAIServer() as server:
        server.answers(Text("Client: [nods] Yes."), Status(429, retry_after=1))   # one a request, in order
        endpoint = ChatEndpoint("some-model", server.url)

Once the script is used up, `server.default` answers. An answer may also be a function of the Request that gives one:
for requests that arrive concurrently, and so in any order.
"""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PATIENCE = 30  # seconds until a test that waits for something is let fail


@dataclass(frozen=True)
class Request:
    """A request as it came in; `headers` have lower-case names."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def words(self) -> str:
        """The text of the last message."""
        content = self.body["messages"][-1]["content"]
        return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@dataclass(frozen=True)
class Text:
    """A chat completion; None and "" are the empty answers that vendors give."""

    text: str | None
    finish_reason: str = "stop"
    refusal: str | None = None


@dataclass(frozen=True)
class Status:
    """An error in the vendor's form."""

    status: int
    message: str = "as the test asked"
    code: str | None = None
    retry_after: float | str | None = None
    param: str | None = None


@dataclass(frozen=True)
class Body:
    """Any bytes: broken JSON, another server's page, an error in another vendor's form."""

    body: bytes
    content_type: str = "application/json"
    status: int = 200


@dataclass(frozen=True)
class Dropped:
    """The connection is reset; with `after` bytes of an answer that announces more."""

    after: int | None = None


@dataclass(frozen=True)
class Slow:
    """No answer before the server closes: the caller's time-out must end it."""


Answer = Text | Status | Body | Dropped | Slow
Script = Answer | Callable[[Request], Answer]


@dataclass
class OpenAIServer:
    """A context manager. `requests` holds what came in, in order of arrival."""

    default: Script = Text("Yes.")
    models: tuple[str, ...] = ("some-model",)
    requests: list[Request] = field(default_factory=list)
    port: int = 0  # 0: any free one
    key: str = ""  # that the list of models asks for
    list_of_models: bytes = b""  # in place of the list

    def __enter__(self) -> "OpenAIServer":
        self._script: deque[Script] = deque()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self._http.daemon_threads = True  # closing does not wait for callers that keep a connection open
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(PATIENCE)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/v1"

    def answers(self, *script: Script) -> None:
        """What the next requests for a completion get, one each."""
        self._script.extend(script)

    def next_answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            script = self._script.popleft() if self._script else self.default
        return script(request) if callable(script) else script

    def wait_until_closing(self) -> None:
        self._closing.wait(PATIENCE)


def together(number: int, answer: Script = Text("Yes.")) -> Script:
    """Answers once `number` requests are waiting at the same time, and with 500 if that never happens."""
    barrier = threading.Barrier(number)

    def wait(request: Request) -> Answer:
        try:
            barrier.wait(PATIENCE / 3)
        except threading.BrokenBarrierError:
            return Status(500, f"never {number} requests at a time")
        return answer(request) if callable(answer) else answer

    return wait


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: OpenAIServer

    def do_GET(self) -> None:
        if self.path == "/v1/models" and self.owner.key not in (self.headers["Authorization"] or "").split(" ") + [""]:
            self._refuse(Status(401, "wrong key"))
        elif self.path == "/v1/models" and self.owner.list_of_models:
            self._write(200, self.owner.list_of_models, "text/html")
        elif self.path == "/v1/models":
            models = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in self.owner.models]
            self._send(200, {"object": "list", "data": models})
        else:
            self._refuse(Status(404, f"no such path {self.path}"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request("POST", self.path, headers, body)
        if self.path != "/v1/chat/completions":
            return self._refuse(Status(404, f"no such path {self.path}"))
        self._answer(request, self.owner.next_answer(request))

    def _answer(self, request: Request, answer: Answer) -> None:
        match answer:
            case Text():
                self._send(200, completion(request, answer))
            case Status():
                self._refuse(answer)
            case Body():
                self._write(answer.status, answer.body, answer.content_type)
            case Dropped():
                self._drop(request, answer)
            case Slow():
                self.owner.wait_until_closing()
                self.close_connection = True

    def _refuse(self, answer: Status) -> None:
        error = {"message": answer.message, "type": "invalid_request_error", "param": answer.param}
        error["code"] = answer.code
        headers = {} if answer.retry_after is None else {"Retry-After": str(answer.retry_after)}
        self._send(answer.status, {"error": error}, headers)

    def _drop(self, request: Request, answer: Dropped) -> None:
        if answer.after is not None:
            whole = json.dumps(completion(request, Text("Yes."))).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: answer.after])
        else:  # a reset instead of an orderly end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        self.close_connection = True

    def _send(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        self._write(status, json.dumps(body).encode(), "application/json", headers)

    def _write(self, status: int, body: bytes, content_type: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """The tests' output stays theirs."""


def completion(request: Request, answer: Text) -> dict[str, Any]:
    """The body of a chat completion; a token is a word here."""
    prompt = len(request.words.split())
    spoken = len((answer.text or "").split())
    message = {"role": "assistant", "content": answer.text, "refusal": answer.refusal}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": f"{request.body['model']}-2026",
        "choices": [{"index": 0, "message": message, "finish_reason": answer.finish_reason, "logprobs": None}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": spoken, "total_tokens": prompt + spoken},
    }
