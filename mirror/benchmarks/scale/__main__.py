"""Measures how time and memory grow with the number of sessions of a run: reading, resuming, checking, analysis.

    python -m mirror.benchmarks.scale --sessions 2500 5000 10000 20000

The run is invented (`synthetic_runs`) and grows from size to size; each step is done in a process of its own. 20,000
sessions of 20 turns are about a million files and some 5 GB, which are removed at the end.

Writes `scale.md` and `.json`.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from math import log2
from pathlib import Path

from mirror.benchmarks.analysis import ANALYSE, CORES, measure
from mirror.benchmarks.synthetic_runs import SessionText, write_table
from mirror.console import run_command
from mirror.counseling.settings import CounselSettings
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.paths import input_path, output_path
from mirror.provenance import versions
from mirror.run_folder import Run
from mirror.transcripts.profile import read_profiles

DESCRIPTION = "Measure how time and memory grow with the number of sessions of a run."
PARAMS = "params/counsel/pocket-llava.yaml"
TEXTS = 64  # different sessions; the others repeat them
COUNSELING = """
import sys, time
from mirror.counseling.run import Counseling
from mirror.counseling.settings import CounselSettings
table, turns = sys.argv[1].split(",")
settings = CounselSettings.from_file(
    "params/counsel/pocket-llava.yaml", run="scale", table=table, sessions=0, max_turns=int(turns), attempts=10
)
start = time.process_time()
counseling = Counseling(settings)
{step}
print(time.process_time() - start)
"""
READING = """
import sys, time
from pathlib import Path
{imports}
run, start = Path(sys.argv[1]), time.process_time()
{step}
print(time.process_time() - start)
"""
STEPS = {
    "list the sessions": READING.format(
        imports="from mirror.transcripts.arm import Arm",
        step="print(sum((one.ended or {}).get('status') == 'complete' for one in Arm.read(run).sessions))",
    ),
    "read the table of clients": COUNSELING.format(step=""),
    "estimate": COUNSELING.format(step="counseling.estimate()"),
    "resume, nothing left to do": COUNSELING.format(step="counseling.counsel()"),
    "summary": COUNSELING.format(step="counseling.summary()"),
    "check every file": READING.format(
        imports="from mirror.transcripts.integrity import run_faults",
        step="assert not any(faults for _, faults in run_faults(run))",
    ),
    "gallery": READING.format(imports="from mirror.gallery import write_gallery", step="write_gallery(run)"),
    "analysis of two such runs": ANALYSE + "print(time.process_time())",
}
REPORT = """# Large runs: time and memory by the number of sessions

`{command}`

{cores} cores, Python {python}, {versions}. An invented run of {turns} turns per session with faces of {side} pixels.
CPU seconds of each step, and the peak memory of its own process, imports included. The exponent is that of the seconds
between the two largest sizes: 1 is linear.

| step | {heads} | exponent | memory per session |
|---|{lines}|---|---|
{rows}

On disk: {disk}
"""


@dataclass(frozen=True)
class Measured:
    """One step at one size.

    Attributes:
        step: its name.
        sessions: of the run.
        seconds: of the CPU.
        memory: the peak in 10⁶ bytes.
    """

    step: str
    sessions: int
    seconds: float
    memory: float


@dataclass(frozen=True)
class Disk:
    """What a run takes on disk.

    Attributes:
        sessions: their number.
        files: their number, folders not counted.
        content: bytes of the files.
        occupied: bytes that the file system uses for them, in whole blocks.
    """

    sessions: int
    files: int
    content: int
    occupied: int

    def __str__(self) -> str:
        """The sizes as a sentence."""
        return (
            f"{self.sessions:,} sessions are {self.files:,} files and {self.content / 1e9:.2f} GB, "
            f"{self.occupied / 1e9:.2f} GB in whole blocks."
        )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m mirror.benchmarks.scale", description=DESCRIPTION)
    parser.add_argument("--sessions", type=int, nargs="+", default=[2500, 5000, 10000, 20000], help="ascending")
    parser.add_argument("--turns", type=int, default=20, help="per session")
    parser.add_argument("--side", type=int, default=112, help="of the faces, in pixels")
    parser.add_argument("--only", nargs="+", choices=list(STEPS), default=list(STEPS), metavar="STEP")
    parser.add_argument("--scratch", type=Path, help="folder for the runs; they are removed at the end")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    given = parser.parse_args()
    out = output_path(given.out)  # while $MIRROR_OUTPUT is the user's: the steps need another
    if given.scratch:
        given.scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=given.scratch) as folder:
        output = Path(folder)
        measured, disks = [], []
        for size in grow(output, given.sessions, given.turns, given.side):
            measured += [measure_step(step, size, given.turns, output) for step in given.only]
            disks.append(disk(output / "results/scale"))
            print(disks[-1], flush=True)
    write_json(
        out / "scale.json",
        {"steps": [asdict(one) for one in measured], "disk": [asdict(one) for one in disks]},
    )
    text = report(given, measured, disks)
    write_text(out / "scale.md", text)
    print(text)


def grow(output: Path, sizes: Sequence[int], turns: int, side: int) -> Iterator[int]:
    """Writes a run with faces and one without, and adds sessions to both; yields each size once it is reached.

    Args:
        output: folder of `$MIRROR_OUTPUT`.
        sizes: numbers of sessions, ascending.
        turns: per session.
        side: of the faces, in pixels.
    """
    table = output / "clients.csv"
    texts = [SessionText.invented(output / "invented", number, turns, side) for number in range(TEXTS)]
    shutil.rmtree(output / "invented")
    written = 0
    for size in sorted(sizes):
        write_table(table, size)
        profiles = read_profiles(table, input_path("pocket/data/test_images"))
        for name, pictures in (("scale", True), ("scale-other", False)):
            run = open_run(output, name, table, turns)
            for number, profile in enumerate(profiles[written:], written + (not pictures)):
                texts[number % TEXTS].write(run / "sessions" / profile.idx, profile, pictures)
        written = size
        yield size


def open_run(output: Path, name: str, table: Path, turns: int) -> Path:
    """Writes settings and provenance of a run that is complete; returns its folder."""
    settings = CounselSettings.from_file(PARAMS, run=name, table=str(table), sessions=0, max_turns=turns, attempts=10)
    os.environ["MIRROR_OUTPUT"] = str(output)
    run = Run(name, settings.model_dump(), settings.MACHINE).open()
    run.record("complete")
    return run.folder


def measure_step(step: str, sessions: int, turns: int, output: Path) -> Measured:
    """Does a step in a process of its own, and prints what it took.

    Args:
        step: one of `STEPS`.
        sessions: that the run has.
        turns: per session.
        output: folder of `$MIRROR_OUTPUT`.
    """
    script = STEPS[step]
    argument = str(output / "results/scale")
    if "Counseling(" in script:
        argument = f"{output / 'clients.csv'},{turns}"
    elif step.startswith("analysis"):
        argument = "results/scale,results/scale-other"
    _, memory, numbers = measure(script, argument, output)
    found = Measured(step, sessions, numbers[-1], memory)
    print(f"{sessions:>7,} sessions: {step}: {found.seconds:.1f} s, {memory:,.0f} MB", flush=True)
    return found


def disk(run: Path) -> Disk:
    """Counts the files of a run's sessions."""
    files = content = occupied = 0
    for folder, _, names in os.walk(run / "sessions"):
        for name in names:
            found = os.stat(f"{folder}/{name}")
            files, content, occupied = files + 1, content + found.st_size, occupied + found.st_blocks * 512
    return Disk(sum(1 for _ in (run / "sessions").iterdir()), files, content, occupied)


def growth(of: Sequence[Measured]) -> tuple[str, str]:
    """The exponent of the seconds, and the memory per session, between the two largest sizes."""
    if len(of) < 2:
        return "–", "–"
    one, other = of[-2:]
    exponent = log2(other.seconds / one.seconds) / log2(other.sessions / one.sessions)
    return f"{exponent:.2f}", f"{(other.memory - one.memory) / (other.sessions - one.sessions) * 1e3:,.1f} kB"


def report(given: argparse.Namespace, measured: Sequence[Measured], disks: Sequence[Disk]) -> str:
    """The report as Markdown."""
    rows = []
    for step in given.only:
        of = [one for one in measured if one.step == step]
        cells = [f"{one.seconds:,.1f} s, {one.memory:,.0f} MB" for one in of]
        rows.append(f"| {' | '.join([step, *cells, *growth(of)])} |")
    known = versions()
    return REPORT.format(
        command=" ".join(["python -m mirror.benchmarks.scale", *sys.argv[1:]]),
        cores=CORES,
        python=sys.version.split()[0],
        versions=", ".join(f"{name} {known[name]}" for name in ("numpy", "mirror-notebooks")),
        turns=given.turns,
        side=given.side,
        heads=" | ".join(f"{size:,}" for size in sorted(given.sessions)),
        lines="|".join("---" for _ in given.sessions),
        rows="\n".join(rows),
        disk=str(disks[-1]),
    )


if __name__ == "__main__":
    run_command(main)
