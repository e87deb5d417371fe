"""Measures what each step of building a training set costs, in one run: all of them on a GPU, or what a CPU can do.

    python -m mirror.benchmarks.building
    python -m mirror.benchmarks.building --device cpu

Random weights in bf16 at the published shapes: Llama-3-8B describes, SDXL with PhotoMaker v1 paints at 1024 × 1024,
ViT-B/16, CLIP ViT-B/32 and a pack of buffalo_l's size verify. On a CPU nothing describes, and noise is painted in no
time. The texts are the pocket screenplays. Writes `building.md` and `building.json`, or `building-cpu.md` and `.json`.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from mirror.benchmarks.busy import StepClock
from mirror.benchmarks.random_models.face_tools import (
    DESCRIPTION,
    NoisePainter,
    random_describer,
    random_painter,
    random_verifier,
)
from mirror.building.pictures import OwnStudio, Pictures
from mirror.building.portraits.matching import match_portraits
from mirror.building.portraits.table import read_portraits
from mirror.building.screenplays import Screenplay
from mirror.building.screenplays.columns import parse_columns
from mirror.building.screenplays.filters import TextRules, filter_texts
from mirror.building.screenplays.parts_of_speech import load_tagger
from mirror.building.screenplays.table import read_screenplays
from mirror.building.training_set.folder import write_set
from mirror.building.training_set.options import RecordOptions
from mirror.console import run_command
from mirror.faces.attributes import AttributeVerifier, FaceAttributes
from mirror.faces.description import Describer, LexiconDescriber
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.faces.rejection_sampling import Painter
from mirror.faces.verification import Verifier
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.paths import input_path, output_path
from mirror.provenance import versions
from mirror.risk.lexicon import RiskLexicon

PUBLISHED = 390_491  # pictures of the published set that were compared by age and gender
DIALOGUE = 10  # pictures of a dialogue, for the extrapolation
SOURCES = Path("pocket/sources")
# In the order of a set's making, but for the disk's, which is what the others leave of the pictures' time.
BEFORE, PICTURES, AFTER = ("texts", "portraits"), ("descriptions", "painting", "filters"), "records and check"


@dataclass(frozen=True)
class Measurement:
    """What was measured.

    Attributes:
        dialogues: that were built.
        pictures: of them.
        seconds: by step, of all pictures; texts per dialogue and portraits per portrait are divided among the pictures.
            Of a step that runs beside those before it, only what they wait for.
        bytes: of a picture, mean.
        start_seconds: of one unmeasured batch of three steps, which compiles and records.
        memory_gb: peak of reserved GPU memory, in 10⁹ bytes; of a CPU, neither is measured.
    """

    dialogues: int
    pictures: int
    seconds: dict[str, float]
    bytes: float
    start_seconds: float = 0.0
    memory_gb: float = 0.0

    @property
    def per_picture(self) -> dict[str, float]:
        """Seconds per picture, by step."""
        return {step: seconds / self.pictures for step, seconds in self.seconds.items()}


def measure(folder: Path, dialogues: int, compiled: Literal["none", "blocks", "whole"], batch: int) -> Measurement:
    """Builds a set of `dialogues` pocket screenplays with networks of the real size, timing each step."""
    clock, verifier = StepClock(), random_verifier(folder / "filters")
    matched = _matched(dialogues, verifier, clock)
    describer, painter = random_describer(), random_painter(compiled, batch)
    start = time.perf_counter()
    _warm_up(folder / "warm-up", describer, painter, verifier, _short(matched, batch))
    started = time.perf_counter() - start
    clock.watch(describer, "describe", "descriptions")
    clock.watch(painter, "paint", "painting")
    found = _build(folder, matched, describer, painter, verifier, batch, clock)
    return replace(found, start_seconds=started, memory_gb=torch.cuda.max_memory_reserved() / 1e9)


def measure_on_cpu(folder: Path, dialogues: int, batch: int) -> Measurement:
    """As `measure`, for the steps that a CPU does: all but describing and painting."""
    clock, verifier = StepClock(), random_verifier(folder / "filters", "cpu")
    matched = _matched(dialogues, verifier, clock)
    return _build(folder, matched, LexiconDescriber(), NoisePainter(), verifier, batch, clock)


def _matched(dialogues: int, verifier: AttributeVerifier, clock: StepClock) -> Sequence[Screenplay]:
    read, tagger, risk = _read(), load_tagger("hanta"), RiskLexicon("passive")
    risk.read(["a first text, which reads the list of phrases"])
    kept = clock.timed("texts", lambda: filter_texts(read, TextRules(), tagger, risk).kept)
    return clock.timed("portraits", lambda: _portraits(kept[:dialogues], verifier.attributes))


def _build(
    folder: Path,
    matched: Sequence[Screenplay],
    describer: Describer,
    painter: Painter,
    verifier: Verifier,
    batch: int,
    clock: StepClock,
) -> Measurement:
    """Makes the pictures and the set."""
    clock.watch(verifier, "verify", "filters")
    place, width = folder / "pictures", 2 * batch  # one batch is verified while another one is painted
    pictures = Pictures(place, OwnStudio(describer, painter, verifier, width, batch), attempts=1)
    painted = clock.timed("disk and journals", lambda: pictures.make(matched))
    clock.timed(AFTER, lambda: write_set(folder / "set", painted.kept, (), RecordOptions(), "b"))
    seconds = clock.seconds([*BEFORE, *PICTURES, "disk and journals", AFTER])
    seconds["texts"] *= len(matched) / len(_read())  # all were filtered, for a longer measurement
    files = list((folder / "pictures").rglob("*.png"))
    size = sum(file.stat().st_size for file in files) / len(files)
    return Measurement(len(painted.kept), len(files), seconds, size)


def _read() -> Sequence[Screenplay]:
    return read_screenplays(input_path(SOURCES / "screenplays.csv"), {}, "drop", "merge").kept


def _portraits(screenplays: Sequence[Screenplay], attributes: FaceAttributes) -> Sequence[Screenplay]:
    """The screenplays with portraits: each portrait is looked at by the networks, and all fit."""
    columns = parse_columns("file=file, person=person", {"file": "file", "person": "person"})
    table = (input_path(SOURCES / "portraits.csv"),)
    portraits = read_portraits(
        table, input_path(SOURCES / "portraits"), columns, attributes, None, most=len(screenplays)
    )
    alike = [replace(one, info=replace(one.info, gender="woman", age=40)) for one in screenplays]
    return match_portraits(alike, (), portraits, 0).training.kept


def _short(matched: Sequence[Screenplay], batch: int) -> Sequence[Screenplay]:
    """Dialogues of one picture each, as many as are painted at a time: what they compile is all that is needed."""
    return [replace(one, lines=one.lines[:2]) for one in matched[:batch]]


def _warm_up(folder: Path, describer: Any, painter: PhotoMaker, verifier: Any, some: Sequence[Screenplay]) -> None:
    recipe = painter.recipe
    painter.recipe = replace(recipe, steps=3, merge_step=1)
    width = 2 * painter.batch_sizes[-1]
    Pictures(folder, OwnStudio(describer, painter, verifier, width), attempts=1).make(some)
    painter.recipe = recipe


REPORT = """# Building a training set: seconds per picture, by step

`{command}`

{gpu}, {versions}. Random weights in bf16 at the published shapes: Llama-3-8B describes ({tokens} tokens,
{batch} at a time), SDXL with PhotoMaker v1 paints (1024 × 1024, 50 DDIM steps, guidance 5, `compile` `{compile}`,
{batch} at a time), ViT-B/16, CLIP ViT-B/32, and a face pack of buffalo_l's size on onnxruntime's {providers}. Texts:
{dialogues} pocket screenplays with {pictures} pictures. Every picture is accepted at once. Of the filters' time, which
run beside painting, only what painting waits for is counted.

{steps}

First start, with compilation: {start_seconds:.0f} s. Peak of reserved GPU memory: {memory_gb:.0f} GB.

What sets of other sizes would take on one such GPU, at {dollars} dollars an hour and {attempts} attempts per picture:

{of_sizes}

The published set had {published:,} pictures that were compared by age and gender. *disk* is what run and set hold
together, for pictures of noise, which compress worse than faces.
"""


ON_CPU = """# Building a training set: seconds per picture on a CPU, by step

`{command}`

One thread of a CPU, {versions}. *filters* and *portraits* are networks of random weights at the published shapes:
ViT-B/16, CLIP ViT-B/32, and a face pack of buffalo_l's size on onnxruntime. Texts: {dialogues} pocket screenplays with
{pictures} pictures of noise, which take no time to paint. Every picture is accepted at once.

{steps}
"""


def table(found: Measurement) -> str:
    """A Markdown table with one row per step."""
    lines = ["| step | seconds per picture | share | pictures an hour |", "|---|---|---|---|"]
    total = sum(found.per_picture.values())
    for step, each in [*found.per_picture.items(), ("all", total)]:
        lines.append(f"| {step} | {each:.4f} | {each / total:.1%} | {3600 / each:,.0f} |")
    return "\n".join(lines)


def sizes(found: Measurement, dollars: float, attempts: float) -> str:
    """A Markdown table with one row per size of a set."""
    repeated = {"painting", "filters"}
    each = sum(seconds * (attempts if step in repeated else 1) for step, seconds in found.per_picture.items())
    lines = ["| dialogues | pictures | GPU-hours | dollars | disk |", "|---|---|---|---|---|"]
    for count, name in ((1_000, "1,000"), (5_000, "5,000"), (PUBLISHED // DIALOGUE, "as published")):
        pictures = PUBLISHED if name == "as published" else count * DIALOGUE
        hours, disk = pictures * each / 3600, 2 * pictures * found.bytes / 1e9
        lines.append(f"| {name} | {pictures:,} | {hours:,.1f} | {hours * dollars:,.0f} | {disk:,.0f} GB |")
    return "\n".join(lines)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mirror.benchmarks.building", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    parser.add_argument("--dialogues", type=int, default=8)
    parser.add_argument("--compile", choices=["none", "blocks", "whole"], default="blocks")
    parser.add_argument("--batch", type=int, default=8, help="pictures painted, and descriptions asked for, at a time")
    parser.add_argument(
        "--device", choices=["cuda", "cpu"], default="cuda", help="cpu: without describing and painting"
    )
    parser.add_argument("--dollars", type=float, default=2.5, help="per GPU and hour, for the extrapolation")
    parser.add_argument("--attempts", type=float, default=1.2, help="per picture, for the extrapolation")
    given = parser.parse_args()
    command = f"python -m mirror.benchmarks.building {' '.join(sys.argv[1:])}".strip()
    (_report_cpu if given.device == "cpu" else _report_gpu)(command, given)


def _report_cpu(command: str, given: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = measure_on_cpu(Path(folder), given.dialogues, given.batch)
    report = ON_CPU.format(command=command, versions=_versions(), steps=table(found), **asdict(found))
    _write(report, found, given.out, "building-cpu")


def _report_gpu(command: str, given: argparse.Namespace) -> None:
    if not torch.cuda.is_available():
        sys.exit("PyTorch sees no NVIDIA GPU; --device cpu measures all but describing and painting")
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.dialogues, given.compile, given.batch)
    report = REPORT.format(
        command=command,
        gpu=torch.cuda.get_device_name(),
        versions=_versions(),
        tokens=DESCRIPTION,
        providers=_providers(),
        steps=table(found),
        of_sizes=sizes(found, given.dollars, given.attempts),
        published=PUBLISHED,
        **(vars(given) | asdict(found)),
    )
    _write(report, found, given.out, "building")


def _write(report: str, found: Measurement, out: Path, name: str) -> None:
    print(report)
    write_text(output_path(out) / f"{name}.md", report)
    write_json(output_path(out) / f"{name}.json", asdict(found))


def _versions() -> str:
    return ", ".join(f"{name} {version}" for name, version in versions().items())


def _providers() -> str:
    import onnxruntime

    known = onnxruntime.get_available_providers()
    return "CUDA provider" if "CUDAExecutionProvider" in known else "CPU provider"


if __name__ == "__main__":
    run_command(main)
