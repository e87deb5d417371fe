"""Measures the speed of training with random effective batches, against batches of similar length.

    python -m mirror.benchmarks.training --size 7b --lengths mixed

Random weights, and random examples as long as the published ec_planning records: captions of about 636 positions,
replies of about 1,326 with a spread. The first row has as many positions in examples of one length, the others train on
the same examples. Writes `train-<size>-mixed.md` and `.json`.
"""

import json
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from tqdm import tqdm

from mirror.benchmarks.random_models.llava import random_model
from mirror.benchmarks.training.rules import EQUAL, RULES, BatchRule, Example, mixed_examples, split_by
from mirror.benchmarks.training.shares import count_shares, shares_table
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.models.device import resolve_device
from mirror.models.families.images import one_by_one
from mirror.models.hub_id import resolve_model
from mirror.models.llava import SHAPES, load
from mirror.models.llava_chat import IGNORED, Tokens
from mirror.models.lora import LoraModel, add_lora
from mirror.paths import output_path
from mirror.provenance import versions
from mirror.training.batch import Batch, collate
from mirror.training.settings import RECIPES
from mirror.training.step import Stepper, compile_layers, make_optimizer

PUBLISHED_IMAGE = 576  # positions of an image at the published size, part of the lengths below
COUNTED = 12_800  # examples over which shares and padding are counted: no GPU is needed for that
MICRO_BATCH = 16
SMALLEST = 4  # examples of an effective batch: of one example, there is nothing to form
MEASURED = (EQUAL, *RULES[:3])  # the last rule is only counted, to show what the split by length saves


@dataclass(frozen=True)
class Measurement:
    """The speed of training with one rule.

    Attributes:
        name: of the rule.
        samples_per_second: in the second pass over the batches.
        first_pass: samples per second in the first pass.
        memory_gb: peak of allocated GPU memory, in 10⁹ bytes; 0 on a CPU.
        micro_batch: after fallbacks.
        first_loss: of the untrained model on the first batch, in nats per token.
        start_seconds: before the first measured step.
    """

    name: str
    samples_per_second: float
    first_pass: float
    memory_gb: float
    micro_batch: int
    first_loss: float
    start_seconds: float


def make_batch(model: LoraModel, examples: Sequence[Example], seed: int) -> Batch:
    """Random tokens and pixels for the examples; an image takes as many positions as in the model."""
    config, vision = model.config, model.config.vision_config
    patches = (vision.image_size // vision.patch_size) ** 2
    draw = torch.Generator().manual_seed(seed)
    tokens = []
    for example in examples:
        text = example.positions - PUBLISHED_IMAGE
        ids = torch.randint(5, config.image_token_id, (text,), generator=draw).tolist()
        ids = [*ids[:40], *[config.image_token_id] * patches, *ids[40:]]
        tokens.append(Tokens(ids, [IGNORED] * (len(ids) - example.answer) + ids[-example.answer :]))
    pixels = torch.randn(len(examples), 3, vision.image_size, vision.image_size, generator=draw)
    return collate(tokens, one_by_one(pixels), pad_token_id=0)


def measure(rule: BatchRule, size: str, number: int, device: str) -> Measurement:
    """Train a new model over `number` effective batches formed by the rule, twice, and time every step by itself.

    The first use of a shape costs up to 0.1 s. There are some 200 shapes, and a training takes thousands of steps, so
    the second pass represents a training. A step in which memory ran out or something was compiled is repeated.
    """
    began, recipe = time.monotonic(), RECIPES[size]
    rows = batch_size(size)
    model = new_model(size, device)
    examples = rule.examples(number * rows)
    plan = rule.plan(range(len(examples)), [e.positions for e in examples], rows, 0, 0)
    optimizer = make_optimizer(model, recipe["learning_rate"], recipe["projector_learning_rate"], 0.0)
    with split_by(rule):
        stepper = Stepper(model, optimizer, min(MICRO_BATCH, rows), "auto", 1.0, seed=0)
        if recipe["compile"]:
            compile_layers(model, recipe["activation_budget"])

        def seconds(step_number: int) -> float:
            batch = make_batch(model, [examples[i] for i in plan[step_number]], seed=step_number)
            return _seconds_of_step(stepper, batch, step_number)

        first_loss = stepper.gradients(make_batch(model, [examples[i] for i in plan[0]], seed=0), 0)
        optimizer.zero_grad(set_to_none=True)
        for step_number in range(min(2, len(plan))):
            seconds(step_number)
        start_seconds = time.monotonic() - began
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        first, again = (
            len(examples) / sum(map(seconds, tqdm(range(len(plan)), f"{rule.name}, {name}", unit=" steps")))
            for name in ("first pass", "second pass")
        )
    memory = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else 0.0
    return Measurement(rule.name, again, first, memory, stepper.micro_batch, first_loss, start_seconds)


def batch_size(size: str) -> int:
    """Examples of an effective batch that is formed and cut: the recipe's, where it is large enough to be cut."""
    return int(max(RECIPES[size]["batch_size"], SMALLEST))


def new_model(size: str, device: str) -> LoraModel:
    """The model of the recipe with new LoRA weights: random weights at the real shapes, or the pocket model."""
    recipe = RECIPES[size]
    torch.manual_seed(0)
    if size in SHAPES:
        base = random_model(size, torch.bfloat16, device)
    else:
        base = load(resolve_model(recipe["base_model"]), device=device).model
    return add_lora(base, recipe["lora_rank"], recipe["lora_alpha"], recipe["lora_dropout"], seed=0)


def _seconds_of_step(stepper: Stepper, batch: Batch, step_number: int) -> float:
    """Seconds of one optimizer step, repeated until neither a fallback nor a compilation disturbs it."""
    while True:
        before, started = _state(stepper), time.perf_counter()
        stepper.step(batch, step_number, 1.0)
        if stepper.device.type == "cuda":
            torch.cuda.synchronize()
        if before == _state(stepper):
            return time.perf_counter() - started


def _state(stepper: Stepper) -> tuple[int, bool, int]:
    """What an undisturbed step does not change: the fallbacks, and the number of compiled graphs."""
    return stepper.micro_batch, stepper.may_checkpoint, torch._dynamo.utils.counters["stats"]["unique_graphs"]


def measurement_table(measurements: Sequence[Measurement]) -> str:
    """The measurements as a Markdown table; ratios are to the first row."""
    heads = "samples/s | ratio | first pass | ratio | peak memory | micro-batch | first loss"
    lines, first = [f"| batches | {heads} |", "|---" * 8 + "|"], measurements[0]
    for m in measurements:
        memory = f"{m.memory_gb:.0f} GB" if m.memory_gb else "–"
        speed = f"{m.samples_per_second:.2f} | {m.samples_per_second / first.samples_per_second:.2f}"
        speed += f" | {m.first_pass:.2f} | {m.first_pass / first.first_pass:.2f}"
        lines.append(f"| {m.name} | {speed} | {memory} | {m.micro_batch} | {m.first_loss:.4f} |")
    return "\n".join(lines)


REPORT = """# Fine-tuning LLaVA-1.5 {size} on examples of mixed length: random batches beside batches of like length

`python -m mirror.benchmarks.training --size {size} --lengths mixed --batches {number}`

{device}, {versions}. Random weights; {examples:,} examples, half captions of 633–639 positions with answers of 3–8
tokens, half replies of 1,076–1,676 with answers of 20–70, and in the first row as many positions and answer tokens in
examples of one length; effective batch {batch_size}.

{measured}

*samples/s*: in a second pass over the same batches, when every shape has been seen, as it has after the first minutes
of a training. *ratio*: to the first row, in this run. *micro-batch*: examples of the greatest length at a time, after
fall-backs. *first loss*: of the untrained model on the row's first batch, in nats per token.

Counted over {counted:,} examples, effective batches of 32, micro-batches of 16:

{shares}

*captions in the steps*: their mean weight in the loss of a step. *padding*: share of all positions that are computed.
"""


def report(size: str, number: int, device: str, measurements: Sequence[Measurement]) -> str:
    """The report in Markdown: setup, machine, and the two tables."""
    rows = batch_size(size)
    return REPORT.format(
        size=size,
        number=number,
        device=torch.cuda.get_device_name() if device == "cuda" else "CPU",
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        examples=number * rows,
        batch_size=rows,
        measured=measurement_table(measurements),
        counted=COUNTED,
        shares=shares_table([count_shares(rule, mixed_examples(COUNTED), 32, MICRO_BATCH) for rule in RULES]),
    )


def run(given: Namespace) -> None:
    """Measure all rules, each in a process of its own (no shared memory or compilation), or the one of `--variant`."""
    device = resolve_device("auto")
    if given.variant is not None:
        return print(json.dumps(asdict(measure(MEASURED[given.variant], given.size, given.batches, device))))
    measurements: list[Measurement] = []
    for number, rule in enumerate(MEASURED):
        words = ["--lengths", "mixed", "--variant", number, "--size", given.size, "--batches", given.batches]
        command = [sys.executable, "-m", "mirror.benchmarks.training", *map(str, words)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{rule.name}: failed with exit status {done.returncode}; see its output above")
        measurements.append(Measurement(**json.loads(done.stdout.splitlines()[-1])))
        print(f"{rule.name}: {measurements[-1].samples_per_second:.2f} samples/s", flush=True)
        file = output_path(given.out) / f"train-{given.size}-mixed.md"
        write_json(file.with_suffix(".json"), [asdict(m) for m in measurements])
        write_text(file, report(given.size, given.batches, device, measurements))
    print(file.read_text(encoding="utf-8"))
