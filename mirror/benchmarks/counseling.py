"""Measures the speed of counseling sessions: the same clients at several concurrencies, in one run.

    python -m mirror.benchmarks.counseling                # the pocket models, on any machine
    python -m mirror.benchmarks.counseling --size 7b      # LLaVA-7b, SDXL and the filters' real shapes, on a GPU

`7b` has random weights in bf16 at the published shapes and needs no download; its client is scripted and its describer
is the lexicon. Writes `counseling-<size>.md` and `.json`, updated after each concurrency.
"""

import argparse
import hashlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from mirror.benchmarks.random_models.cast import random_cast
from mirror.counseling.cast import Cast
from mirror.counseling.casting import build_cast
from mirror.counseling.session import Outcome, run_sessions
from mirror.counseling.settings import CounselSettings
from mirror.counseling.turn import Taken
from mirror.faces.photomaker import PhotoMaker
from mirror.files.atomic import write_text
from mirror.files.digests import sha256
from mirror.files.json_file import write_json
from mirror.paths import input_path, output_path
from mirror.provenance import versions
from mirror.transcripts.profile import Profile, read_profiles
from mirror.transcripts.session_folder import SessionFolder

STAGES = ("client", "description", "face", "counselor")
PUBLISHED_TURNS = 3600 / (4.5 + 1.98)  # per hour: a face, then a reply of 64 tokens, on the authors' machine


@dataclass(frozen=True)
class Measurement:
    """The speed at one concurrency. A turn is a face and its reply; a client's last utterance has neither.

    Attributes:
        concurrency: sessions at a time.
        sessions: of all.
        turns: of all sessions.
        seconds: for all sessions.
        stages: stage → seconds per turn.
        attempts: faces painted per face shown.
        reply_tokens: mean per reply.
        start_seconds: of one unmeasured turn before, which compiles and records CUDA graphs on a GPU.
        memory_gb: peak of reserved GPU memory, in 10⁹ bytes; None on a CPU.
        transcripts: hash of all files of the sessions but the timings.
    """

    concurrency: int
    sessions: int
    turns: int
    seconds: float
    stages: dict[str, float]
    attempts: float
    reply_tokens: float
    start_seconds: float
    memory_gb: float | None
    transcripts: str

    @property
    def turns_per_hour(self) -> float:
        """Turns of all sessions together."""
        return 3600 * self.turns / self.seconds

    @property
    def sessions_per_hour(self) -> float:
        """Whole sessions."""
        return 3600 * self.sessions / self.seconds

    @property
    def other(self) -> float:
        """Seconds per turn between the stages, mostly for the disk."""
        return self.seconds / self.turns - sum(self.stages.values())


def pocket_cast(cot: str) -> Cast:
    """The cast of the pocket configuration in `params/counsel/pocket-llava.yaml`, for a variant."""
    return build_cast(CounselSettings.from_file(input_path("params/counsel/pocket-llava.yaml"), cot=cot))


def measure(cast: Cast, profiles: Sequence[Profile], concurrency: int, turns: int) -> Measurement:
    """Run one unmeasured turn of `concurrency` sessions, then the measured sessions.

    Args:
        cast: of all sessions.
        profiles: one per session.
        concurrency: sessions at a time.
        turns: per session, at most.

    Raises:
        RuntimeError: a session failed.
        TypeError: the painter is not a local PhotoMaker, whose steps can be reduced.
    """
    if not isinstance(cast.painter, PhotoMaker):
        raise TypeError(f"the painter must be a PhotoMaker, found {type(cast.painter).__name__}; use a local painter")
    start = time.perf_counter()
    with few_steps(cast.painter), tempfile.TemporaryDirectory() as folder:
        refuse_failures(run_sessions(cast, profiles[:concurrency], Path(folder), 1, concurrency, 1))
    started = time.perf_counter() - start
    print_progress(f"{concurrency} at a time: ready after {started:.0f} s")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()

        def on_turn(taken: Taken) -> None:
            seconds = time.perf_counter() - start
            print_progress(f"{concurrency} at a time: turn {taken.turn.number} of a session, {seconds:.1f} s")

        refuse_failures(run_sessions(cast, profiles, Path(folder), 0, concurrency, turns, on_turn))
        seconds = time.perf_counter() - start
        sessions = [SessionFolder(Path(folder) / profile.idx) for profile in profiles]
        made = [(turn, turn.face) for session in sessions for turn in session.turns() if turn.face]
        stages: Counter[str] = Counter()
        for session in sessions:
            for taken in session.timings().values():
                stages.update(taken)
        written = digest(Path(folder))
    return Measurement(
        concurrency,
        len(sessions),
        len(made),
        seconds,
        {stage: stages[stage] / len(made) for stage in STAGES},
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


@contextmanager
def few_steps(painter: PhotoMaker) -> Iterator[None]:
    """Within the block, paint with three steps: enough to compile and to record CUDA graphs."""
    recipe = painter.recipe
    painter.recipe = replace(recipe, steps=3, merge_step=1)
    yield
    painter.recipe = recipe


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


def table(measurements: Sequence[Measurement], against_published: bool) -> str:
    """Two Markdown tables with one row per concurrency: speed, and time per stage.

    Args:
        measurements: ratios are to the first.
        against_published: add the ratio to the published speed.
    """
    first = measurements[0].turns_per_hour
    speeds = [
        {
            "sessions at a time": f"{m.concurrency}",
            "measured": f"{m.sessions} sessions, {m.turns} turns, {m.seconds:.1f} s",
            "sessions an hour": f"{m.sessions_per_hour:.0f}",
            "turns an hour (ratio)": f"{m.turns_per_hour:.0f} ({m.turns_per_hour / first:.2f})",
        }
        | ({"to the published": f"{m.turns_per_hour / PUBLISHED_TURNS:.2f}"} if against_published else {})
        | {"start": f"{m.start_seconds:.0f} s"}
        | ({} if m.memory_gb is None else {"memory": f"{m.memory_gb:.0f} GB"})
        for m in measurements
    ]
    times = [
        {"sessions at a time": f"{m.concurrency}", "s a turn": f"{m.seconds / m.turns:.3f}"}
        | {stage: f"{seconds:.3f}" for stage, seconds in (m.stages | {"other": m.other}).items()}
        | {"attempts a face": f"{m.attempts:.1f}", "tokens a reply": f"{m.reply_tokens:.0f}"}
        for m in measurements
    ]
    return f"{markdown(speeds)}\n\n{markdown(times)}"


def markdown(rows: Sequence[dict[str, str]]) -> str:
    """A Markdown table; the keys of the first row are the header."""
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(list(row.values()) for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


REPORT = """# Counseling: sessions and turns an hour

`{command}`

{machine}; {versions}.
{what}
Sessions of up to {turns} turns, variant `{cot}`.

{table}

*a turn*: a face, shown, and its reply. *stages*: the seconds of a batch are shared among its turns, so that a row's
add up to its time a turn; *other* is what lies between the stages. *start*: one turn before the clock, which loads,
compiles and records. *memory*: the most that PyTorch reserved on the GPU.
{published}"""
AGAINST = {
    "pocket": """
Transcripts, faces and verdicts of {same} of {rows} rows are those of the first, to the byte.
""",
    "7b": """
*to the published*: turns per hour divided by {published_turns:.0f}, which follows from the published 4.5 s per face and
1.98 s per reply of 64 tokens, in sequence, if every face is accepted at once. Those were measured on the authors'
machine, so this ratio compares machines, too.
""",
}
WHAT = {
    "pocket": "The pocket models of this repository, float32.",
    "7b": "Random weights in bf16 at the shapes of LLaVA-1.5-7b, SDXL with PhotoMaker v1 (1024 × 1024, {steps} steps "
    "of {scheduler}, guidance 5, `compile` `blocks`), CLIP ViT-B/32 and ViT-B/16; scripted client, lexicon, the pocket "
    "tokenizers, replies of 64 tokens.\nEach face is accepted at once and not looked at for identity (noise has no "
    "face).",
}


def _parser() -> argparse.ArgumentParser:
    description = "Measure the speed of counseling sessions."
    parser = argparse.ArgumentParser(prog="python -m mirror.benchmarks.counseling", description=description)
    parser.add_argument("--size", choices=list(WHAT), default="pocket")
    parser.add_argument("--cot", default="base", help="variant of the counselor")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument("--clients", type=int, help="sessions per concurrency, of the 16 pocket clients; 7b: one batch")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=50, help="7b: denoising steps per face")
    parser.add_argument("--scheduler", choices=("ddim", "dpmsolver++"), default="ddim", help="7b")
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
            cast = random_cast(given.cot, given.steps, given.scheduler, Path(folder))
    print_progress(f"the cast is loaded after {time.perf_counter() - start:.0f} s")
    measurements = []
    for concurrency in given.concurrency:
        clients = given.clients or (len(profiles) if given.size == "pocket" else concurrency)
        measurements.append(measure(cast, profiles[: max(clients, concurrency)], concurrency, given.turns))
        report(given, measurements)


def report(given: argparse.Namespace, measurements: Sequence[Measurement]) -> None:
    """Write the measurements so far as Markdown and JSON, and print the tables."""
    has_gpu = torch.cuda.is_available()
    name = f"counseling-{given.size}" + "-fast" * (given.scheduler != "ddim")
    found = table(measurements, given.size == "7b")
    print(found, flush=True)
    write_json(output_path(given.out) / f"{name}.json", [asdict(measurement) for measurement in measurements])
    text = REPORT.format(
        command=" ".join(["python -m mirror.benchmarks.counseling", *sys.argv[1:]]),
        machine=torch.cuda.get_device_name() if has_gpu else f"{torch.get_num_threads()} threads of a CPU",
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        what=WHAT[given.size].format(steps=given.steps, scheduler=given.scheduler),
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
    main()
