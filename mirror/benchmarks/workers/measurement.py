"""The measurement of one number of workers: a cast without downloads, a row, the table of all rows."""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mirror.benchmarks.counseling import digest, pocket_cast, print_progress, refuse_failures
from mirror.benchmarks.counseling_report import markdown
from mirror.benchmarks.random_models.cast import RECIPES, WaitingClient, random_cast
from mirror.counseling.cast import Cast
from mirror.counseling.session import Register, read_sessions
from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.budget import Budget
from mirror.counseling.workers.crew import SessionCrew
from mirror.counseling.workers.worker import SessionWorker
from mirror.files.digests import content_digest
from mirror.paths import input_path
from mirror.transcripts.profile import Profile, read_profiles

PARAMS = {"pocket": "params/counsel/pocket-llava.yaml", "7b": "params/counsel/llava-7b.yaml"}


class BenchmarkWorker(SessionWorker):
    """A worker whose cast needs no download."""

    def __init__(self, settings: CounselSettings, painter: str, client_seconds: float) -> None:
        """See `main` for the arguments."""
        super().__init__(settings)
        self.painter, self.client_seconds = painter, client_seconds
        self.folder = tempfile.TemporaryDirectory()  # the filters' files are read again for the record of the run

    def build(self) -> Cast:
        """The pocket cast, or random weights; with a client that waits, if it is to."""
        if self.settings.size == "pocket":
            cast = pocket_cast(self.settings.cot)
        else:
            recipe = RECIPES[self.painter]
            cast = random_cast(self.settings.cot, recipe, Path(self.folder.name), self.settings.compile)
        if self.client_seconds:
            return replace(cast, client=WaitingClient(self.client_seconds), remote=frozenset({"client"}))
        return cast


@dataclass(frozen=True)
class Row:
    """The speed of so many workers.

    Attributes:
        workers: their number.
        devices: their GPUs, by name.
        sessions: of all.
        turns: of all sessions; each is a face and its reply.
        seconds: from the first worker's start to the last turn.
        start_seconds: until all workers have loaded, compiled, and taken an unmeasured turn.
        shared: hash of the sessions that all rows have, but for the timings.
        fault: why there is no measurement; else empty.
    """

    workers: int
    devices: dict[str, int]
    sessions: int = 0
    turns: int = 0
    seconds: float = 0.0
    start_seconds: float = 0.0
    shared: str = ""
    fault: str = ""

    @property
    def turns_per_hour(self) -> float:
        """Turns of all sessions together."""
        return 3600 * self.turns / self.seconds


def measure(given: argparse.Namespace, workers: int) -> Row:
    """One row: starts the workers, has each take an unmeasured turn of every session, and measures the others.

    Raises:
        ClusterError: there are too few GPUs.
        RuntimeError: a session failed, or workers died.
    """
    start = time.perf_counter()
    settings = benchmark_settings(given, workers)
    crew = SessionCrew(settings, workers, BenchmarkWorker, given.painter, given.client_seconds)
    try:
        run(crew, clients(given.concurrency * workers), given.seed + 1, 1)
        started = time.perf_counter() - start
        print_progress(f"workers: {workers}; ready after {started:.0f} s")
        measured = run(crew, clients(given.concurrency * workers), given.seed, given.turns, clients(given.concurrency))
        return replace(measured, start_seconds=started)
    finally:
        crew.close()


def run(crew: SessionCrew, profiles: Sequence[Profile], seed: int, turns: int, shared: Sequence[Profile] = ()) -> Row:
    """Runs sessions from start to end in a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        budget = Budget()
        register = Register(read_sessions(profiles, Path(folder), seed, turns), budget)
        crew.counsel(register)
        outcomes = register.outcomes()
        refuse_failures(outcomes)
        return Row(
            len(crew.devices),
            dict(Counter(crew.devices.values())),
            len(outcomes),
            sum(outcome.turns for outcome in outcomes),
            budget.spent.seconds,
            shared=content_digest({profile.idx: digest(Path(folder) / profile.idx) for profile in shared}),
        )


def clients(number: int) -> list[Profile]:
    """So many clients of the pocket table, which are repeated under other names."""
    profiles = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))
    chosen = [profiles[n % len(profiles)] for n in range(number)]
    return [replace(profile, idx=f"{profile.idx}-{n}") for n, profile in enumerate(chosen)]


def benchmark_settings(given: argparse.Namespace, workers: int) -> CounselSettings:
    """What the workers read of a run's settings."""
    changes = {"client": "scripted", "describer": "lexicon", "verifier": "local", "offload": "none", "seed": given.seed}
    changes |= {"concurrency": given.concurrency, "waves": given.waves, "compile": given.compile, "cot": given.cot}
    changes |= {"workers": workers, "ray_address": given.ray_address if workers > 1 else ""}
    changes |= {"table": "pocket/data/test.csv", "portraits": "pocket/data/test_images"}
    settings = CounselSettings.from_file(input_path(PARAMS[given.size]), check_files=False, **changes)
    return settings.model_copy(update={"ray_address": given.ray_address})


def table(rows: Sequence[Row]) -> str:
    """A Markdown table; ratios are to the first row that was measured."""
    first = next((row for row in rows if not row.fault), None)
    return markdown([_cells(row, first) for row in rows])


def _cells(row: Row, first: Row | None) -> dict[str, str]:
    gpus = ", ".join(f"{count} × {name}" for name, count in row.devices.items())
    if row.fault or first is None:
        told = (row.fault, "–", "–", "–", "–")
    else:
        ratio = row.turns_per_hour / first.turns_per_hour
        told = (
            f"{row.sessions} sessions, {row.turns} turns, {row.seconds:.1f} s",
            f"{row.turns_per_hour:.0f} ({ratio:.2f})",
            f"{ratio * first.workers / row.workers:.0%}",
            f"{row.start_seconds:.0f} s",
            "yes" if row.shared == first.shared else "no",
        )
    names = ("measured", "turns an hour (ratio)", "of a perfect ratio", "start", "same transcripts as the first")
    return {"workers": f"{row.workers}", "on": gpus or "–"} | dict(zip(names, told, strict=True))
