"""What random effective batches cost in speed, beside batches of like length: examples of two kinds and many lengths.

    python -m mirror.benchmarks.training --size 7b --lengths mixed

Random weights, and random examples as long as the published ec_planning records: captions of about 636 positions,
replies of about 1,326 with a spread. All rows train on the same examples. Writes `train-<size>-mixed.md` and `.json`.
"""

import json
import random
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from torch import nn
from tqdm import tqdm

from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.models.llava import SHAPES, load, random_model
from mirror.models.llava_chat import IGNORED, Tokens
from mirror.models.lora import add_lora
from mirror.paths import input_path, output_path
from mirror.provenance import versions
from mirror.seeds import seed_for
from mirror.training import step
from mirror.training.dataset import batches
from mirror.training.settings import RECIPES
from mirror.training.step import Batch, Stepper, collate, compile_layers, make_optimizer

PUBLISHED_IMAGE = 576  # positions of an image at the published size, part of the lengths below
COUNTED = 12_800  # examples over which shares and padding are counted: no GPU is needed for that
MICRO_BATCH = 16

Plan = list[list[int]]


@dataclass(frozen=True)
class Example:
    """One training example: its kind, its positions (the image's 576 included) and those of its answer."""

    kind: str
    positions: int
    answer: int


@dataclass(frozen=True)
class Row:
    """One way to form effective batches and to cut them. `by_length` cuts where it costs least, else by a count."""

    name: str
    plan: Callable[[Sequence[int], Sequence[int], int, int, int], Plan]
    by_length: bool


def grouped_by_length(indices: Sequence[int], lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> Plan:
    """The batches as they were: groups of 50 batches sorted by length, then cut; captions and replies never meet."""
    shuffle = random.Random(seed_for("batches", seed, epoch))
    length_of = dict(zip(indices, lengths, strict=True))
    order = list(indices)
    shuffle.shuffle(order)
    cut = []
    for start in range(0, len(order), 50 * batch_size):
        group = sorted(order[start : start + 50 * batch_size], key=lambda i: -length_of[i])
        cut += [group[i : i + batch_size] for i in range(0, len(group), batch_size)]
    shuffle.shuffle(cut)
    longest = max(range(len(cut)), key=lambda b: max(length_of[i] for i in cut[b]))
    cut[0], cut[longest] = cut[longest], cut[0]
    return cut


ROWS = (
    Row("grouped by length over 50 batches (before)", grouped_by_length, by_length=False),
    Row("random batches, length inside (now)", batches, by_length=True),
    Row("random batches, cut by a fixed count", batches, by_length=False),
)


MEASURED = ROWS[:2]  # the third only shows, counted, what the cut by length saves


def by_count(lengths: Sequence[int], size: int) -> list[slice]:
    """Micro-batches of `size` examples each, whatever their lengths: the cut as it was."""
    return [slice(start, min(start + size, len(lengths))) for start in range(0, len(lengths), size)]


@contextmanager
def cut_as(row: Row) -> Iterator[None]:
    """Within it, effective batches are cut as the row says."""
    ours = step.cuts, step.LENGTH_STEP
    if not row.by_length:
        step.cuts, step.LENGTH_STEP = by_count, 1
    try:
        yield
    finally:
        step.cuts, step.LENGTH_STEP = ours


def mixed_examples(number: int, seed: int = 0) -> list[Example]:
    """A caption and a reply in turn, as long as the published ec_planning records."""
    rng = random.Random(seed)
    kinds = {"caption": ((633, 639), (3, 8)), "reply": ((1076, 1676), (20, 70))}
    return [
        Example(kind, rng.randint(*positions), rng.randint(*answer))
        for _ in range(number // 2)
        for kind, (positions, answer) in kinds.items()
    ]


# Counted, without a GPU -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Count:
    """What a row's batches hold, shares of 1. `padding`: of all positions that are computed."""

    name: str
    of_one_kind: float
    captions_in_steps: float
    captions_of_tokens: float
    padding: float
    micro_batches: float


def count(row: Row, examples: Sequence[Example], batch_size: int, micro_batch: int) -> Count:
    """The shares of one epoch of the row's batches; no tensor is made."""
    plan = row.plan(range(len(examples)), [e.positions for e in examples], batch_size, 0, 0)
    computed = parts = 0
    weights, kinds = [], []
    with cut_as(row):
        for batch in plan:
            lengths = sorted((examples[i].positions for i in batch), reverse=True)
            cut = step.cuts(lengths, micro_batch)
            parts += len(cut)
            computed += sum(len(lengths[part]) * lengths[part.start] for part in cut)
            weights.append(_caption_share([examples[i] for i in batch]))
            kinds.append(len({examples[i].kind for i in batch}))
    return Count(
        row.name,
        kinds.count(1) / len(plan),
        sum(weights) / len(plan),
        _caption_share(examples),
        1 - sum(e.positions for e in examples) / computed,
        parts / len(plan),
    )


def _caption_share(examples: Sequence[Example]) -> float:
    """The captions' share of the answer tokens, which is their weight in a step over these examples."""
    return sum(e.answer for e in examples if e.kind == "caption") / sum(e.answer for e in examples)


def count_table(counts: Sequence[Count]) -> str:
    """The shares in Markdown."""
    heads = "of one kind | captions in the steps | captions of the answer tokens | padding | micro-batches a step"
    lines = [f"| batches | {heads} |", "|---" * 6 + "|"]
    for c in counts:
        shares = f"{c.of_one_kind:.1%} | {c.captions_in_steps:.1%} | {c.captions_of_tokens:.1%} | {c.padding:.1%}"
        lines.append(f"| {c.name} | {shares} | {c.micro_batches:.1f} |")
    return "\n".join(lines)


# Measured -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measurement:
    """What a row did: samples/s in the second pass over its batches, and in the first.

    `memory_gb` is the GPU's peak, 0 without one; `micro_batch` what was left after fall-backs.
    """

    name: str
    samples_per_second: float
    first_pass: float
    memory_gb: float
    micro_batch: int
    first_loss: float
    start_seconds: float


def make_batch(model: nn.Module, examples: Sequence[Example], seed: int) -> Batch:
    """Random tokens and pixels for the examples; the image's positions are those of the model at hand."""
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
    return collate(tokens, pixels, pad_token_id=0)


def measure(row: Row, size: str, number: int, device: str) -> Measurement:
    """Trains a new model over `number` effective batches of the row, twice, and times every step by itself.

    The first use of a shape costs up to 0.1 s. There are some 200 shapes, and a training takes thousands of steps, so
    the second pass is what a training is like. A step in which memory ran out or something was compiled is taken again.
    """
    began, recipe = time.monotonic(), RECIPES[size]
    torch.manual_seed(0)
    if size in SHAPES:
        base = random_model(size, torch.bfloat16, device)
    else:
        base = load(str(input_path(recipe["base_model"])), device=device).model
    model = add_lora(base, recipe["lora_rank"], recipe["lora_alpha"], recipe["lora_dropout"], seed=0)
    examples = mixed_examples(number * recipe["batch_size"])
    plan = row.plan(range(len(examples)), [e.positions for e in examples], recipe["batch_size"], 0, 0)
    optimizer = make_optimizer(model, recipe["learning_rate"], recipe["projector_learning_rate"], 0.0)
    with cut_as(row):
        stepper = Stepper(model, optimizer, min(MICRO_BATCH, recipe["batch_size"]), "auto", 1.0, seed=0)
    if recipe["compile"]:
        compile_layers(model, recipe["activation_budget"])

    def seconds(step_number: int) -> float:
        batch = make_batch(model, [examples[i] for i in plan[step_number]], seed=step_number)
        while True:
            before, started = _fixed(stepper), time.perf_counter()
            stepper.step(batch, step_number, 1.0)
            if device == "cuda":
                torch.cuda.synchronize()
            if before == _fixed(stepper):
                return time.perf_counter() - started

    with cut_as(row):
        first_loss = stepper.gradients(make_batch(model, [examples[i] for i in plan[0]], seed=0), 0)
        optimizer.zero_grad(set_to_none=True)
        for step_number in range(min(2, len(plan))):
            seconds(step_number)
        start_seconds = time.monotonic() - began
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        first, again = (
            len(examples) / sum(map(seconds, tqdm(range(len(plan)), f"{row.name}, {name}", unit=" steps")))
            for name in ("first pass", "second pass")
        )
    memory = torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else 0.0
    return Measurement(row.name, again, first, memory, stepper.micro_batch, first_loss, start_seconds)


def _fixed(stepper: Stepper) -> tuple[int, bool, int]:
    """What does not change within an undisturbed step: the fall-backs, and how many graphs are compiled."""
    return stepper.micro_batch, stepper.may_checkpoint, torch._dynamo.utils.counters["stats"]["unique_graphs"]


def measurement_table(measurements: Sequence[Measurement]) -> str:
    """The measurements in Markdown, the first one the measure of the others."""
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
tokens, half replies of 1,076–1,676 with answers of 20–70, the same in every row; effective batch {batch_size}.

{measured}

*samples/s*: in a second pass over the same batches, when every shape has been seen, as it has after the first minutes
of a training. *ratio*: to the first row, in this run. *micro-batch*: examples of the greatest length at a time, after
fall-backs. *first loss*: of the untrained model on the row's first batch, in nats per token.

Counted over {counted:,} examples, effective batches of 32, micro-batches of 16:

{shares}

*captions in the steps*: their mean weight in the loss of a step. *padding*: share of all positions that are computed.
"""


def report(size: str, number: int, device: str, measurements: Sequence[Measurement]) -> str:
    """One page: what was measured, on what, how, and the two tables."""
    batch_size = RECIPES[size]["batch_size"]
    return REPORT.format(
        size=size,
        number=number,
        device=torch.cuda.get_device_name() if device == "cuda" else "CPU",
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        examples=number * batch_size,
        batch_size=batch_size,
        measured=measurement_table(measurements),
        counted=COUNTED,
        shares=count_table([count(row, mixed_examples(COUNTED), 32, MICRO_BATCH) for row in ROWS]),
    )


def run(given: Namespace) -> None:
    """All rows, each in a process of its own (no memory, no compilation is shared), or the one of `--variant`."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    if given.variant is not None:
        return print(json.dumps(asdict(measure(ROWS[given.variant], given.size, given.batches, device))))
    measurements: list[Measurement] = []
    for number, row in enumerate(MEASURED):
        words = ["--lengths", "mixed", "--variant", number, "--size", given.size, "--batches", given.batches]
        command = [sys.executable, "-m", "mirror.benchmarks.training", *map(str, words)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"{row.name}: failed, exit status {done.returncode}; what it said stands above")
        measurements.append(Measurement(**json.loads(done.stdout.splitlines()[-1])))
        print(f"{row.name}: {measurements[-1].samples_per_second:.2f} samples/s", flush=True)
        file = output_path(given.out) / f"train-{given.size}-mixed.md"
        write_json(file.with_suffix(".json"), [asdict(m) for m in measurements])
        write_text(file, report(given.size, given.batches, device, measurements))
    print(file.read_text(encoding="utf-8"))
