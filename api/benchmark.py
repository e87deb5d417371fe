"""Benchmarks the verification service: many concurrent clients against one, on the models that the service loads.

    python -m api.benchmark --clients 32 --requests 160

takes the options of `python -m api.verification`.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import Field

from api.batching import Batcher
from api.loopback import running
from api.settings import Count
from api.verification.__main__ import load
from api.verification.app import VerificationSettings, create_app
from mirror.console import run_command
from mirror.faces.verification import LocalVerifier, png
from mirror.files.image_file import open_picture
from mirror.paths import input_path
from mirror.services.service import Service

Question = TypeVar("Question")
ROUNDS = 3  # per number of clients, alternating, so that other load on the machine affects both alike


class BenchmarkSettings(VerificationSettings):
    """Measures the verification service, with the options of `python -m api.verification` and two of its own."""

    clients: Count = Field(32, description="concurrent clients")
    requests: Count = Field(160, description="requests per round")


@dataclass(frozen=True)
class Round:
    """One pass over all requests.

    Attributes:
        clients: concurrent ones.
        seconds: of the round.
        waits: seconds of each request.
        mean_batch: items per batch.
        answers: of the service, in order.
    """

    clients: int
    seconds: float
    waits: list[float]
    mean_batch: float
    answers: list[dict[str, Any]]

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.waits) / self.seconds


def play(
    ask: Callable[[Question], dict[str, Any]], questions: Sequence[Question], clients: int, batcher: Batcher[Any, Any]
) -> Round:
    """Lets `clients` threads ask all questions, each as fast as it gets answers."""
    batches, items = batcher.batches, batcher.items

    def timed(question: Question) -> tuple[float, dict[str, Any]]:
        begin = time.perf_counter()
        answer = ask(question)
        return time.perf_counter() - begin, answer

    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        timings = list(threads.map(timed, questions))
    seconds = time.perf_counter() - begin
    mean_batch = (batcher.items - items) / (batcher.batches - batches)
    return Round(clients, seconds, [wait for wait, _ in timings], mean_batch, [answer for _, answer in timings])


def measure(verifier: LocalVerifier, settings: BenchmarkSettings) -> list[Round]:
    """Alternating rounds with one client and with many, on the pocket portraits.

    Raises:
        RuntimeError: the verdicts of the rounds differ.
    """
    portraits = [open_picture(path) for path in sorted(input_path("pocket/data/images").rglob("*.png"))]
    pictures = [("face.png", png(portrait), "image/png") for portrait in portraits[: settings.requests]]
    pairs = [(pictures[n % len(pictures)], pictures[n // 2 % len(pictures)]) for n in range(settings.requests)]
    app = create_app(verifier, settings)
    with running(app) as url, Service(url, "/verify", timeout=settings.request_seconds, retries=0) as service:

        def ask(pair: tuple[Any, Any]) -> dict[str, Any]:
            return service.post({"statement": "a facial photo with tears"}, {"image": pair[0], "base_image": pair[1]})

        play(ask, pairs[: settings.clients], settings.clients, app.state.batcher)  # warm-up
        rounds = [
            play(ask, pairs, clients, app.state.batcher) for _ in range(ROUNDS) for clients in (1, settings.clients)
        ]
    if any(outcomes(one) != outcomes(rounds[0]) for one in rounds):
        raise RuntimeError("the verdicts on a picture depend on the rest of its batch")
    return rounds


def outcomes(one: Round) -> list[str]:
    """The outcome of each verdict of a round."""
    return [answer["outcome"] for answer in one.answers]


def table(rounds: Sequence[Round]) -> str:
    """A Markdown table, one row per number of clients: medians over its rounds."""
    lines = ["| clients | requests/s | ratio | mean batch | median wait, ms | longest wait, ms |", "|--:" * 6 + "|"]
    kinds = {clients: [one for one in rounds if one.clients == clients] for clients in {one.clients for one in rounds}}
    single = statistics.median(one.rate for one in kinds[min(kinds)])
    for clients, some in sorted(kinds.items()):
        rate = statistics.median(one.rate for one in some)
        waits = [1000 * wait for one in some for wait in one.waits]
        batch = statistics.median(one.mean_batch for one in some)
        cells = (clients, f"{rate:.1f}", f"{rate / single:.2f}", f"{batch:.1f}")
        lines.append(f"| {' | '.join(map(str, cells))} | {statistics.median(waits):.0f} | {max(waits):.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Prints the table of a service with the settings of the command line."""
    settings = BenchmarkSettings.from_command_line("python -m api.benchmark")
    try:
        verifier = load(settings)
    except (OSError, ValueError, RuntimeError) as error:
        sys.exit(f"python -m api.benchmark: {error}")
    print(table(measure(verifier, settings)))


if __name__ == "__main__":
    run_command(main)
