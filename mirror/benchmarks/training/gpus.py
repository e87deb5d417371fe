"""Measures the speed of fine-tuning on several GPUs of one machine, side by side.

    python -m mirror.benchmarks.training --size 7b --gpus 1 2 4 --steps 10

Every row trains a new model with this project's default settings on the same effective batches, in processes of its
own; `--lengths mixed` takes examples as different in length as the published ec_planning records. Writes
`train-<size>-gpus.md` (`-gpus-mixed.md`) and `.json` after every row.
"""

import json
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from mirror.benchmarks.training.compute_rate import ANSWER
from mirror.benchmarks.training.mixed import MICRO_BATCH, batch_size, make_batch, new_model
from mirror.benchmarks.training.rules import Example, mixed_examples
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.models.device import compile_obstacle, device_name, resolve_device
from mirror.models.lora import LoraModel
from mirror.paths import output_path
from mirror.provenance import versions
from mirror.settings.base import missing_gpus
from mirror.training.batch import Batch, overhead
from mirror.training.dataset import batches as form_batches
from mirror.training.ranks import Ranks
from mirror.training.ranks.launch import follow, start_ranks
from mirror.training.ranks.shares import share_out
from mirror.training.settings import RECIPES
from mirror.training.step import Stepper, compile_layers, make_optimizer, packs

MODULE = "mirror.benchmarks.training.gpus"
LONGEST = 3600  # seconds of one row
PASSES = 4  # over the batches, until one is not disturbed by a fallback or a compilation


@dataclass(frozen=True)
class Row:
    """The speed of training on a number of GPUs.

    Attributes:
        gpus: their number; of processes on a CPU.
        samples_per_second: of the whole effective batches.
        waiting: share of the ranks' time spent waiting for slower ranks.
        adding_ms: milliseconds per step in the all-reduce of the gradients, mean over the ranks.
        gradients_gb: size of the gradients, in 10⁹ bytes.
        memory_gb: the highest peak of allocated memory of a GPU, in 10⁹ bytes; 0 on a CPU.
        micro_batch: after fallbacks.
        first_loss: of the untrained model on the first batch, in nats per token.
        start_seconds: before the first measured step.
        device: name of the GPUs.
        times: of every rank, in seconds; empty for one.
    """

    gpus: int
    samples_per_second: float
    waiting: float
    adding_ms: float
    gradients_gb: float
    memory_gb: float
    micro_batch: int
    first_loss: float
    start_seconds: float
    device: str
    times: dict[str, Any]


def measure(ranks: Ranks, device: str, values: dict[str, Any]) -> Row:
    """Train a new model together with the other ranks: a pass over the batches to warm up, and a measured one.

    Args:
        ranks: not yet connected.
        device: of this rank.
        values: `size`, `lengths`, `positions`, `batch_size` and `steps`, as on the command line.
    """
    began = time.monotonic()
    recipe, model = RECIPES[values["size"]], new_model(values["size"], device)
    batches = parts(model, ranks, torch.device(device), values)
    optimizer = make_optimizer(model, recipe["learning_rate"], recipe["projector_learning_rate"], 0.0)
    ranks.connect()
    stepper = Stepper(model, optimizer, min(MICRO_BATCH, values["batch_size"]), "auto", 1.0, seed=0, ranks=ranks)
    if recipe["compile"] and not compile_obstacle(torch.device(device)):
        compile_layers(model, recipe["activation_budget"])
    first_loss = stepper.gradients(batches[0], 0)
    stepper.sums.clear()
    for number in range(PASSES):
        before, start_seconds = _state(stepper), time.monotonic() - began
        seconds = _seconds_of_pass(stepper, batches)
        is_disturbed = any(disturbed for (disturbed,) in ranks.gather(before != _state(stepper)))
        if number and not is_disturbed:
            break
    memory = torch.cuda.max_memory_allocated(device) / 1e9 if device.startswith("cuda") else 0.0
    waits = ranks.waits()
    adding = sum(rank.adding for rank in waits.ranks) / len(waits.ranks) / len(batches) if waits else 0.0
    return Row(
        ranks.count,
        values["batch_size"] * len(batches) / seconds,
        waits.waiting if waits else 0.0,
        1000 * adding,
        sum(weight.numel() * weight.element_size() for weight in stepper.weights) / 1e9,
        max(peak for (peak,) in ranks.gather(memory)),
        stepper.micro_batch,
        first_loss,
        start_seconds,
        device_name(torch.device(device)),
        waits.facts() if waits else {},
    )


def parts(model: LoraModel, ranks: Ranks, device: torch.device, values: dict[str, Any]) -> list[Batch]:
    """This rank's part of every effective batch; the batches depend on `values` alone."""
    rows = values["batch_size"]
    if values["lengths"] == "mixed":
        examples: Sequence[Example] = mixed_examples(values["steps"] * rows)
    else:
        examples = [Example("reply", values["positions"], ANSWER)] * (values["steps"] * rows)
    plan = form_batches(range(len(examples)), [example.positions for example in examples], rows, 0, 0)
    cost = None if packs(model.get_base_model()) else overhead(device)
    own = []
    for number, indices in enumerate(plan):
        longest_first = sorted((examples[i] for i in indices), key=lambda example: -example.positions)
        whole = make_batch(model, longest_first, seed=number)
        lengths = [example.positions for example in longest_first]
        part = share_out(lengths, ranks.count, min(MICRO_BATCH, rows), cost)[ranks.number]
        own.append(Batch(whole.input_ids[part], whole.labels[part], whole.images[part]))
    return own


def _seconds_of_pass(stepper: Stepper, batches: Sequence[Batch]) -> float:
    stepper.ranks.gather(0.0)  # all ranks begin together
    stepper.ranks.forget_times()
    if stepper.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(stepper.device)
    began = time.monotonic()
    for number, batch in enumerate(batches):
        stepper.step(batch, number, 1.0)
    if stepper.device.type == "cuda":
        torch.cuda.synchronize(stepper.device)
    return time.monotonic() - began


def _state(stepper: Stepper) -> tuple[int, bool, int]:
    """What an undisturbed pass does not change: the fallbacks, and the number of compiled graphs."""
    return stepper.micro_batch, stepper.may_checkpoint, torch._dynamo.utils.counters["stats"]["unique_graphs"]


# Report ---------------------------------------------------------------------------------------------------------------


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table; ratios are to the first row."""
    heads = "GPUs | samples/s | ratio | of ideal | all-reduce | waiting | peak memory | micro-batch | first loss"
    lines, first = [f"| {heads} |", "|---" * 9 + "|"], rows[0]
    for row in rows:
        ratio = row.samples_per_second / first.samples_per_second
        alone = row.gpus == 1
        lines.append(
            f"| {row.gpus} | {row.samples_per_second:.2f} | {ratio:.2f} | {ratio * first.gpus / row.gpus:.0%} "
            f"| {'–' if alone else f'{row.adding_ms:.1f} ms'} | {'–' if alone else f'{row.waiting:.1%}'} "
            f"| {f'{row.memory_gb:.0f} GB' if row.memory_gb else '–'} | {row.micro_batch} | {row.first_loss:.4f} |"
        )
    return "\n".join(lines)


REPORT = """# Fine-tuning LLaVA-1.5 {size} on several GPUs

`python -m mirror.benchmarks.training --size {size} --gpus {gpus} --lengths {lengths} --batch-size {batch_size} \
--steps {steps}`

{device}, {versions}. Random weights at the real shapes; {examples}; effective batch {batch_size}, the same in every
row, and {steps} measured steps.

{table}

*ratio*: to the first row, in this run. *of ideal*: the ratio over that of the numbers of GPUs. *all-reduce*: adding up
{gradients:.2f} GB of gradients, once per step. *waiting*: share of the ranks' time spent waiting for slower ranks.
*peak memory*: of the GPU that needs most. *first loss*: of the untrained model on the first batch, in nats per token:
the same up to rounding and dropout, so all rows compute one thing.
"""


def report(given: Namespace, rows: Sequence[Row]) -> str:
    """The report in Markdown: setup, machine and table."""
    mixed = "captions and replies of 633–1,676 positions"
    return REPORT.format(
        size=given.size,
        gpus=" ".join(map(str, given.gpus)),
        lengths=given.lengths,
        batch_size=given.batch_size,
        steps=given.steps,
        device=" and ".join(sorted({"CPU" if row.device == "cpu" else row.device for row in rows})),
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        examples=mixed if given.lengths == "mixed" else f"every example {given.positions:,} positions",
        gradients=rows[0].gradients_gb,
        table=table(rows),
    )


def run(given: Namespace) -> None:
    """Measure every number of GPUs in fresh processes, or be rank 0 of the one of `--row`."""
    device = "cuda:0" if resolve_device("auto") == "cuda" else "cpu"
    if given.size == "pocket":
        given.batch_size = min(given.batch_size, batch_size(given.size))
    if given.row is not None:
        values = {name: getattr(given, name) for name in ("size", "lengths", "positions", "batch_size", "steps")}
        with start_ranks(given.row, device, MODULE, values) as ranks:
            return print(json.dumps(asdict(measure(ranks, device, values))))
    if faults := missing_gpus(max(given.gpus), device):
        sys.exit(faults[0])
    rows: list[Row] = []
    for gpus in given.gpus:
        if (row := _measure_in_fresh_processes(given, gpus)) is None:
            continue
        rows.append(row)
        print(f"{gpus} GPUs: {row.samples_per_second:.2f} samples/s", flush=True)
        name = f"train-{given.size}-gpus" + "-mixed" * (given.lengths == "mixed")
        write_json(output_path(given.out) / f"{name}.json", [asdict(row) for row in rows])
        write_text(output_path(given.out) / f"{name}.md", report(given, rows))
    if not rows:
        sys.exit("no row could be measured; see above")
    print(table(rows))


def _measure_in_fresh_processes(given: Namespace, gpus: int) -> Row | None:
    """One row; None if it failed, which is printed."""
    words = ["--gpus", gpus, "--row", gpus, "--size", given.size, "--lengths", given.lengths]
    words += ["--positions", given.positions, "--batch-size", given.batch_size, "--steps", given.steps]
    command = [sys.executable, "-m", "mirror.benchmarks.training", *map(str, words)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
    except subprocess.TimeoutExpired:
        print(f"{gpus} GPUs: failed, it took more than {LONGEST} s", flush=True)
        return None
    if done.returncode:
        print(f"{gpus} GPUs: failed\n{done.stderr[-2500:]}", flush=True)
        return None
    return Row(**json.loads(done.stdout.splitlines()[-1]))


def _follow(ranks: Ranks, device: str, values: dict[str, Any]) -> None:
    measure(ranks, device, values)


if __name__ == "__main__":
    follow(_follow)
