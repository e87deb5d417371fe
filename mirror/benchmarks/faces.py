"""Measures the speed of painting faces: the stock pipeline against this project's painter, in one run.

    python -m mirror.benchmarks.faces --out results/benchmarks

Random weights at the published shapes of SDXL and PhotoMaker v1, bf16, images of 1024 × 1024, guidance 5; no download.
Writes `faces.md` and `faces.json`.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from PIL import Image

from mirror.benchmarks.random_models.sdxl import random_encoder, random_pipeline
from mirror.console import run_command
from mirror.faces.photomaker import PaintRecipe, PaintRequest
from mirror.faces.photomaker.painter import PhotoMaker
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.paths import input_path, output_path
from mirror.provenance import versions

TOKENIZER = "pocket/models/sdxl-pocket/tokenizer"
RECIPE = PaintRecipe(steps=50, guidance_scale=5.0, merge_step=10, size=1024, output_size=336)
FAST = replace(RECIPE, steps=25, merge_step=5, scheduler="dpmsolver++")
BATCHES = (1, 4, 8)


@dataclass(frozen=True)
class Way:
    """One way to paint.

    Attributes:
        name: in the report.
        recorded: the network is replayed as CUDA graphs.
        compiled: the painter's `compile`.
        fast: DPM-Solver++ with half the steps.
    """

    name: str
    recorded: bool
    compiled: Literal["none", "blocks", "whole"] = "none"
    fast: bool = False


WAYS = (
    Way("stock pipeline", recorded=False),
    Way("this project's painter", recorded=True),
    Way("painter, `compile: blocks`", recorded=True, compiled="blocks"),
    Way("painter, `compile: whole`", recorded=True, compiled="whole"),
    Way("painter, `compile: blocks`, DPM-Solver++ at 25 steps", recorded=True, compiled="blocks", fast=True),
)


@dataclass(frozen=True)
class Measurement:
    """The speed of one way at one batch size.

    Attributes:
        way: its name.
        batch: images at a time.
        seconds_per_image: of the measured call.
        memory_gb: peak of reserved GPU memory, in 10⁹ bytes.
        start_seconds: of an unmeasured first call of three steps, with recording and compilation.
    """

    way: str
    batch: int
    seconds_per_image: float
    memory_gb: float
    start_seconds: float


def requests(count: int) -> list[PaintRequest]:
    """Requests for faces of one person, each with its own prompt and seed."""
    portrait = Image.effect_noise((512, 512), 80).convert("RGB")
    return [
        PaintRequest(f"a man img, sad eyes, portrait photo number {n}", "smile, blurry", (portrait,), n)
        for n in range(count)
    ]


def measure(way: Way) -> list[Measurement]:
    """Measure one way at all batch sizes, each after one unmeasured call of three steps."""
    pipeline = random_pipeline(input_path(TOKENIZER), torch.bfloat16, "cuda")
    encoder = random_encoder(torch.bfloat16, "cuda")
    recipe = FAST if way.fast else RECIPE
    painter = PhotoMaker(pipeline, encoder, recipe, {}, compile=way.compiled)
    if not way.recorded:
        del pipeline.unet.forward  # removes the wrapper, so that the class's own method is called
    found = []
    for batch in BATCHES:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        painter.recipe = replace(recipe, steps=3, merge_step=1)
        start = seconds(lambda: painter.paint(requests(batch)))  # noqa: B023
        painter.recipe = recipe
        taken = seconds(lambda: painter.paint(requests(batch)))  # noqa: B023
        memory = torch.cuda.max_memory_reserved() / 1e9
        found.append(Measurement(way.name, batch, taken / batch, memory, start))
    return found


def seconds(call: Callable[[], object]) -> float:
    """Seconds of one call, the GPU's work included."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def table(measurements: list[Measurement]) -> str:
    """A Markdown table, one row per way and one column per batch; ratios are to the stock pipeline at batch 1."""
    first = next(m.seconds_per_image for m in measurements if (m.way, m.batch) == (WAYS[0].name, 1))
    heads = [f"batch {batch}: s/image (ratio), memory, start" for batch in BATCHES]
    lines = [f"| way | {' | '.join(heads)} |", "|---" * (1 + len(BATCHES)) + "|"]
    for way in dict.fromkeys(m.way for m in measurements):
        cells = [
            f"{m.seconds_per_image:.2f} ({first / m.seconds_per_image:.2f}), {m.memory_gb:.0f} GB, "
            f"{m.start_seconds:.0f} s"
            for m in measurements
            if m.way == way
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines)


REPORT = """# Painting faces: seconds per image

`python -m mirror.benchmarks.faces`

{gpu}, {versions}. SDXL and PhotoMaker v1 at their real shapes with random weights, bf16, 1024 × 1024 pixels,
guidance 5; 50 DDIM steps where the row says nothing else. A face includes text and identity encoders, all steps, the
decoder, and the image scaled to 336 pixels.

{table}

*ratio*: to the stock pipeline, one image at a time, measured side by side in this run. *memory*: the most that PyTorch
reserved on the GPU. *start*: the first call of that batch size, which records and, where asked, compiles; compiled code
stays on disk for the next start. The painter replays the network as CUDA graphs (the same kernels on the same numbers).
`compile` changes rounding; DPM-Solver++ is another solver of the same equation at half the steps.
"""


def main() -> None:
    """Run the command line."""
    description = "Measure the speed of painting faces."
    parser = argparse.ArgumentParser(prog="python -m mirror.benchmarks.faces", description=description)
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    parser.add_argument("--way", type=int, help=argparse.SUPPRESS)  # one way in a process of its own
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("this benchmark needs an NVIDIA GPU, and PyTorch sees none")
    if given.way is not None:
        print(json.dumps([asdict(found) for found in measure(WAYS[given.way])]))
        return
    measure_all(output_path(given.out))


def measure_all(folder: Path) -> None:
    """Measure all ways, each in a process of its own (no shared memory), and write the report into `folder`."""
    measurements: list[Measurement] = []
    failed: list[str] = []
    for number, way in enumerate(WAYS):
        command = [sys.executable, "-m", "mirror.benchmarks.faces", "--way", str(number)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{way.name}: failed\n{done.stderr[-1500:]}", flush=True)
            failed.append(way.name)
            continue
        measurements += [Measurement(**values) for values in json.loads(done.stdout.splitlines()[-1])]
        print(table(measurements), flush=True)
        write_json(folder / "faces.json", [asdict(measurement) for measurement in measurements])
        installed = ", ".join(f"{name} {version}" for name, version in versions().items())
        write_text(
            folder / "faces.md",
            REPORT.format(gpu=torch.cuda.get_device_name(), versions=installed, table=table(measurements)),
        )
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    run_command(main)
