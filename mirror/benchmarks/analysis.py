"""Measures time and memory of the analysis of a study, on runs of synthetic sessions.

    python -m mirror.benchmarks.analysis                   # two runs of 800 sessions of 20 turns
    python -m mirror.benchmarks.analysis --pictures 336    # with faces, and the gallery that shows them

Writes `analysis.md` and `.json`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from mirror.benchmarks.synthetic_runs import draw_face, write_run
from mirror.console import run_command
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.paths import output_path
from mirror.provenance import versions
from mirror.transcripts.session_folder import SessionFolder

ANALYSE = """
import sys, time
from mirror.analysis.run import Analysis
from mirror.analysis.settings import AnalyseSettings
start = time.perf_counter()
settings = dict(runs=sys.argv[1], reference="", instruments="", level=0.95, resamples=10000, seed=42, gallery=False)
settings = AnalyseSettings.checked(settings | dict(run="study", fresh=True), "benchmark:")
analysis = Analysis(settings, settings.folders).open()
read = time.perf_counter() - start
for step in (analysis.arms, analysis.faces, analysis.captions, analysis.counselors, analysis.comparison):
    step()
for key in ("identity", "relevance", "resistant"):
    analysis.over_turns(key)
analysis.finish()
print(read, time.perf_counter() - start)
"""
GALLERY = (
    "import sys; from pathlib import Path; from mirror.gallery import write_gallery; write_gallery(Path(sys.argv[1]))"
)
ARMS = {"base": (0.3, (0.7, 0.55)), "ec_planning": (0.5, (0.7, 0.35))}
CORES = 2

REPORT = """# Analysis: time and memory of a study

`{command}`

{cores} cores, Python {python}, {versions}.
{arms} runs of {clients} invented sessions of {turns} turns each, {megabytes:.0f} MB of transcripts; everything that
`analyse.ipynb` does, in a process of its own that begins with nothing loaded.

| step | seconds | peak memory, MB |
|---|---|---|
{rows}

The transcripts of both runs are read in {read:.1f} s; the rest is bootstrap, permutation, figures and tables.
"""


PEAK = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def measure(script: str, argument: str, output: Path) -> tuple[float, float, list[float]]:
    """Run a script in a process of its own on two cores. Linux only.

    The peak is read from `/proc`, since the system's figure for a child (`ru_maxrss`) includes this process.

    Args:
        script: Python code that prints numbers.
        argument: its `sys.argv[1]`.
        output: folder for `$MIRROR_OUTPUT`.

    Returns:
        Seconds, peak of memory in 10⁶ bytes, and the numbers that the script prints.

    Raises:
        RuntimeError: the script failed.
    """
    environment = os.environ | {"MIRROR_OUTPUT": str(output), "OMP_NUM_THREADS": str(CORES)}
    start = time.perf_counter()
    command = [sys.executable, "-c", script + PEAK, argument]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    os.sched_setaffinity(process.pid, set(sorted(os.sched_getaffinity(0))[:CORES]))
    printed = process.communicate()[0].split()
    if process.returncode:
        raise RuntimeError(f"the measured process failed with exit status {process.returncode}; see its output above")
    *numbers, peak = map(float, printed)
    return time.perf_counter() - start, peak / 1e3, numbers


def main() -> None:
    """Run the command line."""
    description = "Measure time and memory of the analysis of a study."
    parser = argparse.ArgumentParser(prog="python -m mirror.benchmarks.analysis", description=description)
    parser.add_argument("--clients", type=int, default=800, help="sessions per run")
    parser.add_argument("--turns", type=int, default=20, help="per session")
    parser.add_argument("--pictures", type=int, default=0, help="side of the faces in pixels; 0: no faces, no gallery")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder)
        clients = [str(number) for number in range(given.clients)]
        for cot, (naming, resistance) in ARMS.items():
            write_run(output / "results" / cot, clients, given.turns, 1, cot, naming, resistance)
        megabytes = sum(path.stat().st_size for path in output.glob("results/*/sessions/*/*.jsonl")) / 1e6
        seconds, memory, (read, _) = measure(ANALYSE, ",".join(f"results/{cot}" for cot in ARMS), output)
        measured = [{"step": "the whole analysis", "seconds": seconds, "memory": memory}]
        if given.pictures:
            measured.append(measure_gallery(output, given.pictures))
    report(given, measured, read, megabytes)


def measure_gallery(output: Path, side: int) -> dict[str, Any]:
    """Measure the gallery of one run, after drawing the faces that were shown.

    Args:
        output: folder of `$MIRROR_OUTPUT`.
        side: of the faces, in pixels.
    """
    run = output / "results" / next(iter(ARMS))
    for session in sorted(run.glob("sessions/*")):
        for turn in SessionFolder(session).turns():
            if turn.face:
                draw_face(session / turn.face.file, turn.cue, session.name, side)
    seconds, memory, _ = measure(GALLERY, str(run), output)
    size = (run / "gallery.html").stat().st_size / 1e6
    return {"step": f"one run's gallery ({size:.0f} MB)", "seconds": seconds, "memory": memory}


def report(given: argparse.Namespace, measured: list[dict[str, Any]], read: float, megabytes: float) -> None:
    """Write the report as Markdown and JSON, and print it."""
    rows = [f"| {one['step']} | {one['seconds']:.1f} | {one['memory']:.0f} |" for one in measured]
    known = versions()
    text = REPORT.format(
        command=" ".join(["python -m mirror.benchmarks.analysis", *sys.argv[1:]]),
        cores=CORES,
        python=sys.version.split()[0],
        versions=", ".join(f"{name} {known[name]}" for name in ("numpy", "mirror-notebooks")),
        arms=len(ARMS),
        clients=given.clients,
        turns=given.turns,
        megabytes=megabytes,
        rows="\n".join(rows),
        read=read,
    )
    write_json(output_path(given.out) / "analysis.json", measured)
    write_text(output_path(given.out) / "analysis.md", text)
    print(text)


if __name__ == "__main__":
    run_command(main)
