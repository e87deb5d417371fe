"""How fast sessions go: the same clients at several concurrencies, side by side in one run.

    python -m mirror.benchmarks.counseling                # the pocket models, on any machine
    python -m mirror.benchmarks.counseling --size 7b      # LLaVA-7b, SDXL and the filters' real shapes, on a GPU

`7b` has random weights in bf16 at the real shapes and needs no download; its client is scripted, its describer the
lexicon. Writes `counseling-<size>.md` and `.json`, after each concurrency what is known by then.
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

from mirror.benchmarks.random_cast import random_cast
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
PUBLISHED_TURNS = 3600 / (4.5 + 1.98)  # an hour: a face, then a reply of 64 tokens, on the authors' own machine


@dataclass(frozen=True)
class Measurement:
    """What one concurrency did. A turn is a face and its reply; a client's last word has neither.

    `stages` are seconds a turn, `other` what lies between them (disk, mostly), `start_seconds` the turn before the
    clock, which compiles and records on a GPU, and `memory_gb` the most that PyTorch reserved there. `transcripts` is
    a hash of all that the sessions wrote, but for the times.
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
    def turns_an_hour(self) -> float:
        return 3600 * self.turns / self.seconds

    @property
    def sessions_an_hour(self) -> float:
        return 3600 * self.sessions / self.seconds

    @property
    def other(self) -> float:
        return self.seconds / self.turns - sum(self.stages.values())


def pocket_cast(cot: str) -> Cast:
    """The cast of the pocket configuration, as the params file has it."""
    return build_cast(CounselSettings.from_file(input_path("params/counsel/pocket-llava.yaml"), cot=cot))


def measure(cast: Cast, profiles: Sequence[Profile], concurrency: int, turns: int) -> Measurement:
    """The sessions of `profiles`, `turns` long, after one unmeasured turn of as many as go together."""
    start = time.perf_counter()
    with few_steps(cast.painter), tempfile.TemporaryDirectory() as folder:
        refuse_failures(run_sessions(cast, profiles[:concurrency], Path(folder), 1, concurrency, 1))
    started = time.perf_counter() - start
    say(f"{concurrency} at a time: ready after {started:.0f} s")
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()

        def tell(taken: Taken) -> None:
            say(f"{concurrency} at a time: turn {taken.turn.number} of a session, {time.perf_counter() - start:.1f} s")

        refuse_failures(run_sessions(cast, profiles, Path(folder), 0, concurrency, turns, tell))
        seconds = time.perf_counter() - start
        sessions = [SessionFolder(Path(folder) / profile.idx) for profile in profiles]
        made = [turn for session in sessions for turn in session.turns() if turn.face]
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
        sum(len(turn.face.attempts) for turn in made) / len(made),
        sum(turn.tokens["counselor_completion"] for turn in made) / len(made),
        started,
        torch.cuda.max_memory_reserved() / 1e9 if torch.cuda.is_available() else None,
        written,
    )


def digest(folder: Path) -> str:
    """A hash of names and contents of the sessions' files, but for the times."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "timings.jsonl")
    named = [f"{path.relative_to(folder)} {sha256(path)}\n" for path in files]
    return hashlib.sha256("".join(named).encode()).hexdigest()


@contextmanager
def few_steps(painter: PhotoMaker) -> Iterator[None]:
    """Three steps a face: enough to compile and record what all of them need."""
    recipe = painter.recipe
    painter.recipe = replace(recipe, steps=3, merge_step=1)
    yield
    painter.recipe = recipe


def refuse_failures(outcomes: Sequence[Outcome]) -> None:
    if failed := [outcome.reason for outcome in outcomes if outcome.status == "failed"]:
        raise RuntimeError(f"{len(failed)} sessions failed; the first: {failed[0]}")


def say(words: str) -> None:
    """To the standard error, at once: a run that is cut off has still told how far it came."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


def table(measurements: Sequence[Measurement], against_published: bool) -> str:
    """Two tables of a row a concurrency: what was done, and where a turn's time went."""
    first = measurements[0].turns_an_hour
    speeds = [
        {
            "sessions at a time": f"{m.concurrency}",
            "measured": f"{m.sessions} sessions, {m.turns} turns, {m.seconds:.1f} s",
            "sessions an hour": f"{m.sessions_an_hour:.0f}",
            "turns an hour (ratio)": f"{m.turns_an_hour:.0f} ({m.turns_an_hour / first:.2f})",
        }
        | ({"to the published": f"{m.turns_an_hour / PUBLISHED_TURNS:.2f}"} if against_published else {})
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
*to the published*: turns an hour over {turns_an_hour:.0f}, which is what the published 4.5 s a face and 1.98 s a reply
of 64 tokens, one after another, come to if every face is accepted at once. Those were measured on the authors' machine,
not on this one: this ratio compares machines, too.
""",
}
WHAT = {
    "pocket": "The pocket models of this repository, float32.",
    "7b": "Random weights in bf16 at the shapes of LLaVA-1.5-7b, SDXL with PhotoMaker v1 (1024 × 1024, {steps} steps "
    "of {scheduler}, guidance 5, `compile` `blocks`), CLIP ViT-B/32 and ViT-B/16; scripted client, lexicon, the pocket "
    "tokenizers, replies of 64 tokens.\nEach face is accepted at once and not looked at for identity (noise has no "
    "face).",
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mirror.benchmarks.counseling", description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(WHAT), default="pocket")
    parser.add_argument("--cot", default="base", help="variant of the counselor")
    parser.add_argument("--concurrency", type=int, nargs="+", default=[1, 4, 8, 16])
    parser.add_argument(
        "--clients", type=int, help="sessions at each concurrency, of the 16 pocket clients; 7b: as many as go together"
    )
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=50, help="7b: denoising steps a face")
    parser.add_argument("--scheduler", choices=("ddim", "dpmsolver++"), default="ddim", help="7b")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    given = parser.parse_args()
    if given.size == "7b" and not torch.cuda.is_available():
        sys.exit("--size 7b needs an NVIDIA GPU, and PyTorch sees none")
    profiles = read_profiles(input_path("pocket/data/test.csv"), input_path("pocket/data/test_images"))
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if given.size == "pocket":
            cast = pocket_cast(given.cot)
        else:
            cast = random_cast(given.cot, given.steps, given.scheduler, Path(folder))
    say(f"the cast is there after {time.perf_counter() - start:.0f} s")
    measurements = []
    for concurrency in given.concurrency:
        clients = given.clients or (len(profiles) if given.size == "pocket" else concurrency)
        measurements.append(measure(cast, profiles[: max(clients, concurrency)], concurrency, given.turns))
        report(given, measurements)


def report(given: argparse.Namespace, measurements: Sequence[Measurement]) -> None:
    """Writes what is known so far, and shows it."""
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
            turns_an_hour=PUBLISHED_TURNS,
            same=sum(m.transcripts == measurements[0].transcripts for m in measurements),
            rows=len(measurements),
        ),
    )
    write_text(output_path(given.out) / f"{name}.md", text)


if __name__ == "__main__":
    main()
