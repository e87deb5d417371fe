"""Servers on a loopback port for tests: the services over scripted collaborators, and one that says what it is told."""

import contextlib
import io
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

import numpy as np
from PIL import Image

import api.description.app
import api.verification.app
from api.description.app import DescriptionSettings
from api.loopback import running
from api.verification.app import VerificationSettings
from mirror.faces.description import Description
from mirror.transcripts.verdict import Check, Verdict
from tests import ROOT


class Scripted:
    """A collaborator that answers at once, unless `gate` is closed; raises where a text says so; notes its batches."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.batches = []

    def facts(self):
        return {"model": "scripted", "threshold": 0.5}

    def answers(self, requests, texts):
        self.batches.append(len(requests))
        assert self.gate.wait(60)
        for text in texts:
            if text.startswith("raise"):
                raise RuntimeError(f"the secret of {text}")
        return [self.fault(text) or self.answer(request) for request, text in zip(requests, texts, strict=True)]

    def fault(self, text):
        """An exception object in place of an answer, where the text asks for one."""
        if text.startswith("fail"):
            return ConnectionError(f"no model at http://llm ({text})")
        return ValueError("the conversation has 5000 tokens") if text.startswith("long") else None


class ScriptedVerifier(Scripted):
    """The verdict names what it was made from: score and threshold are the red of face and portrait."""

    def verify(self, requests):
        return self.answers(requests, [request.statement for request in requests])

    def answer(self, request):
        red, least = (np.asarray(image)[0, 0, 0] / 255 for image in (request.image, request.portrait))
        check = Check(name="relevant", passed=bool(red >= least), score=red, threshold=least, model=request.statement)
        return Verdict(outcome="accepted" if red >= least else "irrelevant", checks=(check,))


class ScriptedDescriber(Scripted):
    """The description names what it was made from."""

    def describe(self, requests):
        return self.answers(requests, list(map(utterance_text, requests)))

    def answer(self, request):
        return Description(
            expression=utterance_text(request),
            contrast=request.history,
            response=f"{request.seed}",
            model="scripted",
            attempts=1,
            fallback=False,
        )


def utterance_text(request):
    """The client's utterance as a form holds it, without its label."""
    return request.to_form()["client_utt"].removeprefix("Client: ")


@contextlib.contextmanager
def verification_service(verifier, token=None, **settings):
    """The verification service over `verifier`; its URL."""
    with running(api.verification.app.create_app(verifier, VerificationSettings(**settings), token)) as url:
        yield url


@contextlib.contextmanager
def description_service(describer, token=None, **settings):
    """The description service over `describer`; its URL."""
    with running(api.description.app.create_app(describer, DescriptionSettings(**settings), token)) as url:
        yield url


def until(condition):
    """Waits until `condition()` holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.002)


def picture(red=128, format="PNG", size=(32, 32), **options):
    """The bytes of a picture whose first pixel has the value `red`."""
    pixels = np.zeros((*size[::-1], 3), np.uint8)
    pixels[..., 1] = np.arange(size[0]) % 256
    pixels[..., 0] = red
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format, **options)
    return buffer.getvalue()


def answer(status, content, *headers, reason="Status"):
    """An HTTP answer as bytes; `content` is text, or goes as JSON."""
    body = content if isinstance(content, str) else json.dumps(content)
    kind = "text/html" if isinstance(content, str) else "application/json"
    lines = [f"HTTP/1.1 {status} {reason}", f"Content-Type: {kind}", f"Content-Length: {len(body.encode())}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", body]).encode()


class Told:
    """A server that gives each connection the next of `answers` (bytes, as they are), and the last one from then on.

    None closes the connection unanswered, Ellipsis never answers. `requests` holds what came, one for each connection.
    """

    def __init__(self, *answers):
        self.answers, self.requests = answers, []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.kept = []
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        for connection in self.kept:
            connection.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.requests.append(read_request(connection))
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            if answer is ...:
                self.kept.append(connection)
                continue
            with connection, contextlib.suppress(ConnectionError):  # who asks may have read enough
                if answer is not None:
                    connection.sendall(answer)


def read_request(connection):
    """One request with its body, as bytes."""
    with connection.makefile("rb") as stream:
        head = b""
        while not head.endswith(b"\r\n\r\n") and (line := stream.readline()):
            head += line
        length = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        return head + stream.read(length[0] if length else 0)


def free_port():
    """A port that nothing listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


# Services as commands -------------------------------------------------------------------------------------------------

SERVICE_VARIABLES = ("VERIFICATION_", "DESCRIPTION_", "MIRROR_SERVICE_TOKEN", "OPENAI_", "IMG_")


def service_environment(**variables):
    outside = {name: value for name, value in os.environ.items() if not name.startswith(SERVICE_VARIABLES)}
    return outside | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", **variables}


@contextlib.contextmanager
def started_service(service, folder, *words, **variables):
    """A running service on a free port, started in `folder`: its process and its URL."""
    command = [sys.executable, "-m", f"api.{service}", "--port", "0", *words]
    with (folder / "log").open("w+") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log, cwd=folder, env=service_environment(**variables))
        try:
            until(lambda: process.poll() is not None or "http://" in (folder / "log").read_text().rpartition("\n")[0])
            text = (folder / "log").read_text()
            assert process.poll() is None, text
            yield process, re.search(r"http://[\d.:]+", text)[0]
        finally:
            process.kill()
            process.wait()
