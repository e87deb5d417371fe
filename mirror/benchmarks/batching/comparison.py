"""Measures the speed of training on mixed lengths in random batches, against equal lengths and other trainers.

    python -m mirror.benchmarks.training --size 7b --lengths mixed

Random weights, and random examples as long as the published ec_planning records: captions of about 636 positions,
replies of about 1,376 with a spread. All rows with mixed lengths train on the same batches. Writes
`train-<size>-mixed.md` and `.json`. The row of TRL needs the packages trl and datasets, and is left out without them.
"""

import json
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict

import torch

from mirror.benchmarks.batching import trl_trainer
from mirror.benchmarks.batching.rules import RULES, mixed_examples
from mirror.benchmarks.batching.shares import count_shares, shares_table
from mirror.benchmarks.batching.ways import EQUAL, MICRO_BATCH, WAYS, Measurement, Way, measure
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.models.device import resolve_device
from mirror.paths import output_path
from mirror.provenance import versions
from mirror.training.settings import RECIPES

COUNTED = 12_800  # examples over which shares and padding are counted: no GPU is needed for that


def measurement_table(measurements: Sequence[Measurement]) -> str:
    """The measurements as a Markdown table; ratios are to the first and to the last row."""
    heads = (
        "samples/s | to the last row | positions/s | to the first row | first pass | memory | micro-batch | first loss"
    )
    lines, first, last = [f"| training | {heads} |", "|---" * 9 + "|"], measurements[0], measurements[-1]
    for m in measurements:
        memory = f"{m.memory_gb:.0f} GB" if m.memory_gb else "–"
        speed = f"{m.samples_per_second:.2f} | {m.samples_per_second / last.samples_per_second:.2f}"
        speed += f" | {m.positions_per_second:,.0f} | {m.positions_per_second / first.positions_per_second:.1%}"
        lines.append(f"| {m.name} | {speed} | {m.first_pass:.2f} | {memory} | {m.micro_batch} | {m.first_loss:.4f} |")
    return "\n".join(lines)


REPORT = """# Fine-tuning LLaVA-1.5 {size} on examples of mixed length, in random batches

`python -m mirror.benchmarks.training --size {size} --lengths mixed --batches {number}`

{device}, {versions}. Random weights; {examples:,} examples, half captions of 633–639 positions with answers of 3–8
tokens, half replies of 1,076–1,676 with answers of 20–70, the same in every row but the first, where all have
{equal:,}; effective batch {batch_size}.

{measured}

*samples/s* and *positions/s* (padding not counted): in a second pass over the same batches, when every shape has been
seen, as it has after the first minutes of a training. *first pass*: samples/s in it.
*memory*: the peak of what was allocated. *micro-batch*: examples of the greatest length at a time, after fall-backs.
*first loss*: of the untrained model on the row's first batch, in nats per token: the same up to rounding in all rows
with mixed lengths (float8: to its own rounding), so they compute one thing.

"As published": peft's own LoRA layer, bf16 throughout, logits at all positions, activations recomputed. TRL's
SFTTrainer: the recipe's LoRA and projector, bf16, AdamW; padding, recomputed activations and loss as by its defaults.

Counted over {counted:,} examples, effective batches of 32, micro-batches of {micro_batch}:

{shares}

*captions in the steps*: their mean weight in the loss of a step. *padding*: share of all positions that are computed.
"""


def report(size: str, number: int, device: str, measurements: Sequence[Measurement]) -> str:
    """The report in Markdown: setup, machine, and the two tables."""
    batch_size = RECIPES[size]["batch_size"]
    return REPORT.format(
        size=size,
        number=number,
        device=torch.cuda.get_device_name() if device == "cuda" else "CPU",
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        examples=number * batch_size,
        equal=EQUAL,
        batch_size=batch_size,
        measured=measurement_table(measurements),
        counted=COUNTED,
        micro_batch=MICRO_BATCH,
        shares=shares_table([count_shares(rule, mixed_examples(COUNTED), 32, MICRO_BATCH) for rule in RULES]),
    )


def ways_here(device: str) -> list[int]:
    """Numbers of the ways to train that can be measured on this machine; what is left out is said."""
    found = []
    for number, way in enumerate(WAYS):
        if way.trainer == "trl" and not trl_trainer.is_installed():
            print(f"{way.name}: left out; pip install trl datasets", flush=True)
        elif not (way.float8 and device != "cuda"):
            found.append(number)
    return found


def run(given: Namespace) -> None:
    """Measure all ways, each in a process of its own (no shared memory or compilation), or the one of `--variant`."""
    device = resolve_device("auto")
    if given.variant is not None:
        return print(json.dumps(asdict(measure(WAYS[given.variant], given.size, given.batches, device))))
    measurements: list[Measurement] = []
    for number in ways_here(device):
        way: Way = WAYS[number]
        words = ["--lengths", "mixed", "--variant", number, "--size", given.size, "--batches", given.batches]
        command = [sys.executable, "-m", "mirror.benchmarks.training", *map(str, words)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            print(f"{way.name}: failed with exit status {done.returncode}; see its output above", flush=True)
            continue
        measurements.append(Measurement(**json.loads(done.stdout.splitlines()[-1])))
        print(f"{way.name}: {measurements[-1].samples_per_second:.2f} samples/s", flush=True)
        file = output_path(given.out) / f"train-{given.size}-mixed.md"
        write_json(file.with_suffix(".json"), [asdict(m) for m in measurements])
        write_text(file, report(given.size, given.batches, device, measurements))
    if not measurements:
        sys.exit("nothing could be measured; see the output above")
    print(file.read_text(encoding="utf-8"))
