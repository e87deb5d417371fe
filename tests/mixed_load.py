"""Asks both services right and wrong at once, from a seed: does the wrong do any harm to the right?

    python -m tests.mixed_load --minutes 15 --seed 1

The services run in processes of their own on loopback ports, with the pocket models. Honest clients ask what has a
known answer; hostile ones send what nobody should. It fails where an honest answer is wrong or missing, a hostile
request gets an answer that it should not, any answer is a 5xx other than 503 (`busy`), a traceback is in a log, or
memory grows by more than a tenth. Linux only (/proc).
"""

import argparse
import contextlib
import io
import json
import os
import re
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import requests
from PIL import Image

from mirror.faces.description import DescriptionRequest, LexiconDescriber
from mirror.faces.verification import LocalVerifier, VerificationRequest
from mirror.files.image_file import open_picture
from mirror.services.service import Service, ServiceError
from tests import ROOT

PORTRAITS = sorted((ROOT / "pocket/data/images").rglob("*.png"))
MODELS = ("pocket/models/nsfw-pocket", "pocket/models/clip-pocket", "pocket/models/faces-pocket")
TOKEN = "a-token-of-the-load-test"
DEADLINES = ("--header-seconds", "2", "--upload-seconds", "2", "--max-connections", "96")
PAIRS = 60  # honest questions to the verifier, with their answers
HONEST, HOSTILE = 3, 5  # threads, for each service
FEELINGS = ("smiles softly", "looks away, tearful", "frowns", "clenches jaw", "sighs and looks down", "shrugs")
GROWTH = 1.1
CLOSED = 0  # in place of a status: hung up without an answer
FORM, JSON = "multipart/form-data; boundary=b", "application/json"
Parts = dict[str, tuple[str, bytes]]


@dataclass
class Target:
    """One service under load: where it is, what it asks for, and its process."""

    name: str
    path: str
    url: str
    process: int
    log: Path
    headers: dict[str, str]

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    @property
    def memory(self) -> int:
        """Resident bytes."""
        pages = Path(f"/proc/{self.process}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Findings:
    """What came of the load; threads add to it."""

    statuses: dict[str, Counter] = field(default_factory=lambda: defaultdict(Counter))
    faults: list[str] = field(default_factory=list)
    waits: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: dict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, status: int, allowed: set[int]) -> None:
        with self.lock:
            self.statuses[kind][status] += 1
            if status not in allowed | {503}:
                self.faults.append(f"{kind}: answered {status or 'nothing'}, expected {sorted(allowed)}")


# What is sent ---------------------------------------------------------------------------------------------------------


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is this large."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


def flat(width: int, height: int) -> bytes:
    """A picture of one color: 8 megapixels are 25 kB."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 180, 170)).save(file, "PNG")
    return file.getvalue()


LARGE, THIN, LONG = flat(4096, 2048), flat(8, 80), flat(9, 900)
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n(%pipe%id) (w) file\nshowpage\n"
PLAIN = PORTRAITS[0].read_bytes()


def multipart(image: bytes = PLAIN, portrait: bytes = PLAIN, statement: str = "sad", name: str = "a.png") -> bytes:
    parts = b""
    for field_, content in (("image", image), ("base_image", portrait)):
        parts += f'--b\r\nContent-Disposition: form-data; name="{field_}"; filename="{name}"\r\n\r\n'.encode()
        parts += content + b"\r\n"
    return parts + f'--b\r\nContent-Disposition: form-data; name="statement"\r\n\r\n{statement}\r\n--b--\r\n'.encode()


def good_body(target: Target) -> tuple[str, bytes]:
    if target.path == "/verify":
        return FORM, multipart()
    return JSON, json.dumps({"history": "", "client_utt": "[smiles] Hello."}).encode()


def status_of(target: Target, kind: str, body: bytes, **headers: str) -> int:
    options = target.headers | {"Content-Type": kind} | headers
    try:
        return requests.post(target.url + target.path, body, headers=options, timeout=90).status_code
    except requests.ConnectionError:  # closed while the request was sent: no answer
        return CLOSED


def raw(target: Target, *pieces: bytes, pause: float = 0, hang_up: bool = False, half: bool = False) -> int:
    """The status of what is sent byte for byte; CLOSED without one."""
    answer = b""
    with contextlib.suppress(ConnectionError), socket.create_connection(target.address, timeout=60) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)
        if half:
            connection.shutdown(socket.SHUT_WR)
        while not hang_up and (data := connection.recv(65536)):
            answer += data
            if b"\r\n\r\n" in answer:
                break
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else CLOSED


def head(target: Target, kind: str, length: int | str, *lines: str) -> bytes:
    own = [f"{name}: {value}" for name, value in target.headers.items()]
    host = f"Host: {target.url.removeprefix('http://')}"
    rest = [host, *own, f"Content-Type: {kind}", f"Content-Length: {length}", *lines, "", ""]
    return "\r\n".join([f"POST {target.path} HTTP/1.1", *rest]).encode()


# Hostile requests -----------------------------------------------------------------------------------------------------
# Each takes a target and its own random numbers, and gives the status it met.

OVER = {400, 408, CLOSED}  # what never became a request
REFUSED = {400, 413, 415, 422}


def truncated(target: Target, random: Random) -> int:
    kind, body = good_body(target)
    return raw(
        target, head(target, kind, len(body)), body[: random.randrange(len(body))], hang_up=random.random() < 0.5
    )


def cut_off_picture(target: Target, random: Random) -> int:
    return status_of(target, FORM, multipart(PLAIN, PLAIN[: random.randrange(40, len(PLAIN) - 20)]))


def flipped_bytes(target: Target, random: Random) -> int:
    kind, body = good_body(target)
    damaged = bytearray(body)
    for _ in range(random.randrange(1, 50)):
        damaged[random.randrange(len(damaged))] = random.randrange(256)
    return status_of(target, kind, bytes(damaged))


def wrong_type(target: Target, random: Random) -> int:
    kinds = ["text/plain", "", "application/xml", f"{JSON}; charset=utf-7", "multipart/form-data"]
    return status_of(target, random.choice(kinds), random.randbytes(random.randrange(500)))


def wrong_fields(target: Target, random: Random) -> int:
    fields = {random.choice(("history", "client_utt", "image", "x" * 50, "\ud83d")): random.choice((1, None, [], "a"))}
    if target.path == "/describe":
        return status_of(target, JSON, json.dumps(fields).encode())
    return status_of(target, FORM, b'--b\r\nContent-Disposition: form-data; name="image"\r\n\r\nx\r\n--b--\r\n')


def long_text(target: Target, random: Random) -> int:
    text = "a" * random.choice((25_000, 400_000))
    if target.path == "/describe":
        return status_of(target, JSON, json.dumps({"history": "", "client_utt": text}).encode())
    return status_of(target, FORM, multipart(statement=text))


def bomb(target: Target, random: Random) -> int:
    if target.path == "/verify":
        return status_of(target, FORM, multipart(random.choice((png_header(30_000, 30_000), png_header(2**31 - 1, 1)))))
    return status_of(target, JSON, random.choice((b"[" * 900_000, b'{"a":' * 100_000, b"9" * 900_000)))


def huge_body(target: Target, random: Random) -> int:
    return raw(target, head(target, FORM if target.path == "/verify" else JSON, 10**12), b"x" * 1000)


def large_picture(target: Target, random: Random) -> int:
    """Allowed, and of as many pixels as are allowed: 25 kB that become 25 MB."""
    return status_of(target, FORM, multipart(LARGE, random.choice((LARGE, PLAIN))))


def extreme_picture(target: Target, random: Random) -> int:
    return status_of(target, FORM, multipart(random.choice((png_header(50_000, 1), LONG, png_header(1, 1)))))


def thin_picture(target: Target, random: Random) -> int:
    return status_of(target, FORM, multipart(THIN))


def postscript(target: Target, random: Random) -> int:
    return status_of(target, FORM, multipart(POSTSCRIPT, random.choice((PLAIN, POSTSCRIPT))))


def slow_loris(target: Target, random: Random) -> int:
    """Many connections with half a header each; all must be closed by the service."""
    text = head(target, JSON, 10)
    with contextlib.ExitStack() as stack:
        held = []
        for _ in range(random.randrange(5, 40)):
            with contextlib.suppress(ConnectionError):
                held.append(stack.enter_context(socket.create_connection(target.address, timeout=60)))
                held[-1].sendall(text[: random.randrange(len(text) - 4)])
        for connection in held:
            with contextlib.suppress(ConnectionError):
                while connection.recv(65536):
                    pass
    return CLOSED


def dripping_header(target: Target, random: Random) -> int:
    text = head(target, JSON, 10)
    return raw(target, *(text[n : n + 1] for n in range(len(text) - 4)), pause=0.05)


def dripping_body(target: Target, random: Random) -> int:
    kind, body = good_body(target)
    return raw(target, head(target, kind, len(body)), *(body[n : n + 1] for n in range(60)), pause=0.05)


def half_closed(target: Target, random: Random) -> int:
    kind, body = good_body(target)
    return raw(target, head(target, kind, len(body)), body[: random.choice((0, 30, len(body)))], half=True)


def gone_before_the_answer(target: Target, random: Random) -> int:
    kind, body = good_body(target)
    return raw(target, head(target, kind, len(body)), body, hang_up=True)


def cross_origin(target: Target, random: Random) -> int:
    origins = ("https://evil.example", "null", "http://127.0.0.1:1", f"{target.url}.evil.example")
    foreign = random.choice([{"Origin": origin} for origin in origins] + [{"Sec-Fetch-Site": "cross-site"}])
    return status_of(target, *good_body(target), **foreign)


def foreign_host(target: Target, random: Random) -> int:
    return status_of(target, *good_body(target), Host=random.choice(("evil.example", "127.0.0.1.evil.example", "[")))


def wrong_token(target: Target, random: Random) -> int:
    wrong = random.choice(("Bearer wrong", "Bearer", "Basic eDp5", f"Bearer {TOKEN}x", "Bearer " + "a" * 5000))
    return status_of(target, *good_body(target), Authorization=wrong)


def huge_header(target: Target, random: Random) -> int:
    lines = random.choice(([f"X: {'a' * 100_000}"], [f"X{n}: a" for n in range(5000)], ["X: a" * 8000]))
    return raw(target, head(target, JSON, 0, *lines))


def no_http(target: Target, random: Random) -> int:
    return raw(target, random.randbytes(random.randrange(1, 3000)) + b"\r\n\r\n", half=random.random() < 0.5)


def many_parts(target: Target, random: Random) -> int:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    return status_of(target, FORM, part * random.randrange(21, 2000) + b"--b--\r\n")


VERIFIED = {200, 422}
ANYWHERE: list[tuple[Callable[[Target, Random], int], set[int]]] = [
    (truncated, OVER | REFUSED),
    (flipped_bytes, {200, *REFUSED}),
    (wrong_type, REFUSED),
    (wrong_fields, REFUSED),
    (long_text, {422}),
    (bomb, {400, 413, 422}),
    (huge_body, {413, CLOSED}),
    (slow_loris, {CLOSED}),
    (dripping_header, {408, CLOSED}),
    (dripping_body, {408, CLOSED}),
    (half_closed, {200, CLOSED} | REFUSED),
    (gone_before_the_answer, {CLOSED}),
    (cross_origin, {403}),
    (huge_header, {400, CLOSED}),
    (no_http, OVER),
    (many_parts, {400}),
]
VERIFICATION = [
    (large_picture, {200}),
    (thin_picture, {200}),
    (extreme_picture, {413, 422}),
    (cut_off_picture, {422}),
    (postscript, {415}),
    (wrong_token, {401}),
]
DESCRIPTION = [(foreign_host, {403, 400})]


# Honest requests ------------------------------------------------------------------------------------------------------


def verifications(random: Random) -> list[tuple[dict, dict, dict]]:
    """Forms, files, and the verdicts that the models give in this process."""
    pairs = [(random.choice(PORTRAITS), random.choice(PORTRAITS)) for _ in range(PAIRS // 2)]
    pairs += [(other, min(other.parent.iterdir())) for other in random.sample(PORTRAITS, PAIRS // 2)]  # one person
    words = [f"a facial photo of a person who {random.choice(FEELINGS)}" for _ in pairs]
    verifier = LocalVerifier.load(*(str(ROOT / model) for model in MODELS), device="cpu")
    asked = [VerificationRequest(*map(open_picture, pair), text) for pair, text in zip(pairs, words, strict=True)]
    questions = []
    for (face, portrait), text, verdict in zip(pairs, words, verifier.verify(asked), strict=True):
        files = {"image": face, "base_image": portrait}
        parts = {name: (path.name, path.read_bytes(), "image/png") for name, path in files.items()}
        outcome = verdict.model_dump(mode="json")
        for check in outcome["checks"]:
            check["model"] = check["model"].removeprefix(f"{ROOT}/")
        questions.append(({"statement": text}, parts, outcome))
    return questions


def descriptions(random: Random) -> list[tuple[dict, dict, dict]]:
    asked = [
        DescriptionRequest.from_text(
            f"Therapist: {random.random()}", f"[{random.choice(FEELINGS)}] {random.random()}", n
        )
        for n in range(PAIRS)
    ]
    answers = LexiconDescriber().describe(asked)
    return [(one.to_form(), {}, answer.model_dump(mode="json")) for one, answer in zip(asked, answers, strict=True)]


def ask_honestly(target: Target, questions: list, random: Random, findings: Findings, until: float) -> None:
    token = TOKEN if target.headers else ""
    service = Service(target.url, target.path, token=token, timeout=90, retries=8)
    while time.monotonic() < until:
        form, files, expected = random.choice(questions)
        begin = time.monotonic()
        try:
            found = service.post(form, files or None)
        except ServiceError as error:
            with findings.lock:
                findings.faults.append(f"honest {target.name}: {error}")
            continue
        findings.waits[target.name].append(time.monotonic() - begin)
        if found != expected:
            with findings.lock:
                findings.faults.append(f"honest {target.name}: {found} and not {expected}")
        time.sleep(random.random() / 10)


def ask_hostile(target: Target, random: Random, findings: Findings, until: float) -> None:
    kinds = ANYWHERE + (VERIFICATION if target.path == "/verify" else DESCRIPTION)
    while time.monotonic() < until:
        send, allowed = random.choice(kinds)
        try:
            findings.add(f"{target.name}: {send.__name__}", send(target, random), allowed)
        except OSError as error:  # a deadline of this side: the service neither answered nor hung up
            with findings.lock:
                findings.faults.append(f"{target.name}: {send.__name__}: {type(error).__name__}: {error}")


# The load -------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def started(name: str, path: str, folder: Path, token: str) -> Iterator[Target]:
    """A service in a process of its own, on a free loopback port."""
    ours = ("VERIFICATION_", "DESCRIPTION_", "MIRROR_", "OPENAI_", "IMG_")
    outside = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    own = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"} | (
        {"MIRROR_SERVICE_TOKEN": token} if token else {}
    )
    log = folder / f"{name}.log"
    command = [sys.executable, "-m", f"api.{name}", "--port", "0", *DEADLINES]
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, cwd=ROOT, env=outside | own)
    try:
        begin = time.monotonic()
        while not (found := re.search(r"http://[\d.]+:\d+(?=\n)", log.read_text())):
            if process.poll() is not None or time.monotonic() - begin > 120:
                raise RuntimeError(f"{name} did not start: {log.read_text()}")
            time.sleep(0.1)
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        yield Target(name, path, found[0], process.pid, log, headers)
        process.terminate()
        if process.wait(120) not in (0, -15):
            raise RuntimeError(f"{name} ended with {process.returncode}")
    finally:
        process.kill()
        process.wait()


def load(minutes: float, seed: int) -> Findings:
    """Both services under honest and hostile load for so many minutes."""
    findings = Findings()
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        names = (("verification", "/verify", TOKEN), ("description", "/describe", ""))
        targets = [stack.enter_context(started(name, path, Path(folder), token)) for name, path, token in names]
        questions = [verifications(Random(f"{seed} verify")), descriptions(Random(f"{seed} describe"))]
        begin = time.monotonic()
        until = begin + 60 * minutes
        threads = []
        for target, known in zip(targets, questions, strict=True):
            for n in range(HONEST):
                own = Random(f"{seed} honest {target.name} {n}")
                threads.append(threading.Thread(target=ask_honestly, args=(target, known, own, findings, until)))
            for n in range(HOSTILE):
                own = Random(f"{seed} hostile {target.name} {n}")
                threads.append(threading.Thread(target=ask_hostile, args=(target, own, findings, until)))
        for thread in threads:
            thread.start()
        while time.monotonic() < until:
            for target in targets:
                findings.memory[target.name].append(((time.monotonic() - begin) / (60 * minutes), target.memory))
            time.sleep(0.2)
        for thread in threads:
            thread.join()
        for target in targets:
            if requests.get(f"{target.url}/health", timeout=60).status_code != 200:
                findings.faults.append(f"{target.name}: no health after the load")
        stack.close()
        for target in targets:
            if "Traceback" in (text := target.log.read_text()):
                place = text.index("Traceback")
                findings.faults.append(f"{target.name}: a traceback in the log: {text[place : place + 3000]}")
    return findings


def memory_at(samples: list[tuple[float, int]], first: float, last: float) -> float:
    """The median of resident megabytes from one share of the time to another."""
    return statistics.median(size for moment, size in samples if first <= moment <= last) / 2**20


def report(findings: Findings) -> list[str]:
    """Prints what was found; the faults."""
    faults = list(findings.faults)
    for kind, statuses in sorted(findings.statuses.items()):
        shown = ", ".join(f"{status or 'closed'} × {count}" for status, count in sorted(statuses.items()))
        print(f"{kind:45} {sum(statuses.values()):6}  {shown}")
    for name, waits in findings.waits.items():
        middle, last = statistics.median(waits), statistics.quantiles(waits, n=100)[98]
        print(
            f"{name}: {len(waits)} honest answers, median {1000 * middle:.0f} ms, 99th percentile {1000 * last:.0f} ms"
        )
    for name, samples in findings.memory.items():
        start, middle, end = (memory_at(samples, *part) for part in ((0.1, 0.25), (0.45, 0.6), (0.85, 1)))
        print(f"{name}: resident {start:.0f}, {middle:.0f}, {end:.0f} MB at the start, in the middle, at the end")
        if end > GROWTH * start:
            faults.append(f"{name}: memory grew from {start:.0f} to {end:.0f} MB")
    for fault in faults[:20]:
        print(f"FAULT {fault[:3000]}")
    print(f"{len(faults)} faults")
    return faults


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.mixed_load", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sys.exit(bool(report(load(options.minutes, options.seed))))
