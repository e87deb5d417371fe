"""Measures the speed of counseling sessions: the same clients at several concurrencies, in one run.

    python -m mirror.benchmarks.counseling                # the pocket models, on any machine
    python -m mirror.benchmarks.counseling --size 7b      # LLaVA-7b, SDXL and the filters' real shapes, on a GPU
    python -m mirror.benchmarks.counseling --size 7b --painter fast --client-seconds 2 --waves 3

`7b` has random weights in bf16 at the published shapes and needs no download; its client is scripted, and waits as long
as it is told to; its describer is the lexicon. Writes `counseling-<size>.md` and `.json`, updated after each row.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from mirror.benchmarks.busy import METHODS, Busy
from mirror.benchmarks.counseling_report import AGAINST, PUBLISHED_TURNS, REPORT, WHAT, Measurement, table
from mirror.benchmarks.random_models.cast import RECIPES, WaitingClient, random_cast
from mirror.console import run_command
from mirror.counseling.cast import Cast
from mirror.counseling.casting import build_cast
from mirror.counseling.outcome import Outcome
from mirror.counseling.session import run_sessions
from mirror.counseling.settings import CounselSettings
from mirror.counseling.turn import Taken
from mirror.faces.verification import LocalVerifier
from mirror.files.atomic import write_text
from mirror.files.digests import sha256
from mirror.files.json_file import write_json
from mirror.paths import input_path, output_path
from mirror.provenance import versions
from mirror.transcripts.profile import Profile, read_profiles
from mirror.transcripts.session_folder import SessionFolder

GPU = ("painter", "counselor")  # whose work is mostly the GPU's


def pocket_cast(cot: str) -> Cast:
    """The cast of `params/counsel/pocket-llava.yaml` for a variant, with the pocket painter in all its six steps."""
    file = input_path("params/counsel/pocket-llava.yaml")
    six = CounselSettings.from_file(
        file, cot=cot, distilled="", spacing="model", steps=6, guidance_scale=1.5, merge_at=None
    )
    return build_cast(six)


def measure(cast: Cast, profiles: Sequence[Profile], concurrency: int, turns: int, waves: int = 1) -> Measurement:
    """Run one unmeasured turn of `concurrency` sessions, then the measured sessions.

    Args:
        cast: of all sessions.
        profiles: one per session.
        concurrency: sessions at a time.
        turns: per session, at most.
        waves: into which the sessions are divided.

    Raises:
        RuntimeError: a session failed.
    """
    start = time.perf_counter()
    cast.warm_up(concurrency)
    with tempfile.TemporaryDirectory() as folder:
        refuse_failures(run_sessions(cast, profiles[:concurrency], Path(folder), 1, concurrency, 1, waves=waves))
    started = time.perf_counter() - start
    print_progress(f"{concurrency} at a time: ready after {started:.0f} s")
    busy = Busy()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()

        def on_turn(taken: Taken) -> None:
            seconds = time.perf_counter() - start
            print_progress(f"{concurrency} at a time: turn {taken.turn.number} of a session, {seconds:.1f} s")

        refuse_failures(run_sessions(busy.watch(cast), profiles, Path(folder), 0, concurrency, turns, on_turn, waves))
        seconds = time.perf_counter() - start
        sessions = [SessionFolder(Path(folder) / profile.idx) for profile in profiles]
        made = [(turn, turn.face) for session in sessions for turn in session.turns() if turn.face]
        written = digest(Path(folder))
    return Measurement(
        concurrency,
        waves,
        len(sessions),
        len(made),
        seconds,
        {role: busy.seconds(role) / len(made) for role in METHODS},
        busy.share(GPU),
        sum(len(face.attempts) for _, face in made) / len(made),
        sum(turn.tokens["counselor_completion"] for turn, _ in made) / len(made),
        started,
        torch.cuda.max_memory_reserved() / 1e9 if torch.cuda.is_available() else None,
        written,
    )


def digest(folder: Path) -> str:
    """A hash of the names and contents of the sessions' files, except the timings."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "timings.jsonl")
    named = [f"{path.relative_to(folder)} {sha256(path)}\n" for path in files]
    return hashlib.sha256("".join(named).encode()).hexdigest()


def refuse_failures(outcomes: Sequence[Outcome]) -> None:
    """Check that all sessions succeeded.

    Raises:
        RuntimeError: one failed.
    """
    if failed := [outcome.reason for outcome in outcomes if outcome.status == "failed"]:
        raise RuntimeError(f"{len(failed)} sessions failed; the first: {failed[0]}")


def print_progress(message: str) -> None:
    """Print to standard error, unbuffered, so that the progress of a killed run is visible."""
    print(f"{time.strftime('%H:%M:%S')} {message}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    description = "Measure the speed of counseling sessions."
    parser = argparse.ArgumentParser(prog="python -m mirror.benchmarks.counseling", description=description)
    parser.add_argument("--size", choices=list(WHAT), default="pocket")
    parser.add_argument("--cot", default="base", help="variant of the counselor")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--clients", type=int, help="sessions per concurrency, of the 16 pocket clients; 7b: one batch")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--painter", choices=tuple(RECIPES), default="default", help="7b: 50 steps, or 4 as distilled")
    parser.add_argument("--compile", choices=("none", "blocks", "whole"), default="blocks", help="7b: the painter")
    parser.add_argument("--client-seconds", type=float, default=0.0, help="for the client's words, of a wave together")
    parser.add_argument("--waves", type=int, default=1, help="parts of the sessions: one waits, another is painted")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    return parser


def main() -> None:
    """Run the command line."""
    given = _parser().parse_args()
    if given.size == "7b" and not torch.cuda.is_available():
        sys.exit("--size 7b needs an NVIDIA GPU, and PyTorch sees none")
    profiles = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if given.size == "pocket":
            cast = pocket_cast(given.cot)
        else:
            cast = random_cast(given.cot, RECIPES[given.painter], Path(folder), given.compile)
    if given.client_seconds:
        cast = replace(cast, client=WaitingClient(given.client_seconds), remote=frozenset({"client"}))
    print_progress(f"the cast is loaded after {time.perf_counter() - start:.0f} s")
    measurements = []
    for concurrency in given.concurrency:
        clients = given.clients or (len(profiles) if given.size == "pocket" else concurrency)
        chosen = [
            replace(profiles[n % len(profiles)], idx=f"{profiles[n % len(profiles)].idx}-{n}")
            for n in range(max(clients, concurrency))
        ]
        measurements.append(measure(cast, chosen, concurrency, given.turns, given.waves))
        report(given, cast, measurements)


def report(given: argparse.Namespace, cast: Cast, measurements: Sequence[Measurement]) -> None:
    """Write the measurements so far as Markdown and JSON, and print the tables."""
    has_gpu = torch.cuda.is_available()
    name = f"counseling-{given.size}" + f"-{given.painter}" * (given.painter != "default")
    name += f"-client-{given.client_seconds:g}s" * (given.client_seconds > 0)
    recipe, verifier = RECIPES[given.painter], cast.verifier
    found = table(measurements, given.size == "7b")
    print(found, flush=True)
    write_json(output_path(given.out) / f"{name}.json", [asdict(measurement) for measurement in measurements])
    text = REPORT.format(
        command=" ".join(["python -m mirror.benchmarks.counseling", *sys.argv[1:]]),
        machine=torch.cuda.get_device_name() if has_gpu else f"{torch.get_num_threads()} threads of a CPU",
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        what=WHAT[given.size].format(
            steps=recipe.steps,
            scheduler=recipe.scheduler,
            guidance=recipe.guidance_scale,
            compile=given.compile,
            providers=verifier.identity.pack.providers[0] if isinstance(verifier, LocalVerifier) else "a service",
            client=given.client_seconds,
        ),
        turns=given.turns,
        cot=given.cot,
        table=found,
        published=AGAINST[given.size].format(
            published_turns=PUBLISHED_TURNS,
            same=sum(m.transcripts == measurements[0].transcripts for m in measurements),
            rows=len(measurements),
        ),
    )
    write_text(output_path(given.out) / f"{name}.md", text)


if __name__ == "__main__":
    run_command(main)
