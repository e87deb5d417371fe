"""Ways to fine-tune a counselor, measured on the same examples: the published recipe, TRL's trainer, our settings.

Writes `train-<size>.md`, `-trl.md`, `-mixed-trl.md` or `-quantize.md`, and `.json`.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import torch
from transformers import PreTrainedModel

from mirror.benchmarks.random_models.counselor import NAMES, random_counselor, random_images, with_image
from mirror.benchmarks.training.compute_rate import ANSWER, flops_per_example, matmul_rate, median_seconds
from mirror.benchmarks.training.rules import mixed_examples
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.models.device import compile_obstacle, device_name, resolve_device
from mirror.models.llava import SHAPES
from mirror.models.llava_chat import IGNORED, Tokens
from mirror.models.lora import LoraModel, add_lora
from mirror.models.quantization import Quantize
from mirror.paths import output_path
from mirror.provenance import versions
from mirror.training import step
from mirror.training.batch import Batch, collate
from mirror.training.float8 import freeze_in_float8
from mirror.training.settings import RECIPES
from mirror.training.step import Stepper, compile_layers, make_optimizer

RANK, ALPHA, RATES = 128, 256, (2e-4, 2e-5)


@dataclass(frozen=True)
class Variant:
    """One way to train.

    Attributes:
        name: in the report.
        micro_batch: examples that are computed together.
        checkpointing: `always` recomputes activations, `auto` only once memory runs out.
        dropout: LoRA's.
        published: as the published trainer computes: peft's own LoRA layer, bf16 throughout, logits at all positions.
        compiled: decoder layers are compiled.
        float8: frozen weights are in float8.
        quantize: of the frozen linear layers, `none` or `nf4`.
        packed: each example is a position shorter than the one before, so that rows of them are packed, as long as
            those of equal ones.
        trl: trained by TRL's SFTTrainer.
        changes_numbers: what makes it learn other weights than the published recipe, if anything.
    """

    name: str
    micro_batch: int
    checkpointing: str
    dropout: float
    published: bool = False
    compiled: bool = True
    float8: bool = False
    quantize: Quantize = "none"
    packed: bool = False
    trl: bool = False
    changes_numbers: str = "no, rounding only"


VARIANTS = (
    Variant("as published", 32, "always", 0.05, published=True, compiled=False, changes_numbers="–"),
    Variant("this project's default", 16, "auto", 0.05),
    Variant("default, activations recomputed", 16, "always", 0.05),
    Variant("default, not compiled", 16, "auto", 0.05, compiled=False),
    Variant("default, no LoRA dropout", 16, "auto", 0.0, changes_numbers="yes: no dropout"),
    Variant("default, float8", 16, "auto", 0.05, float8=True, changes_numbers="yes: float8 products"),
    Variant("float8, no LoRA dropout", 16, "auto", 0.0, float8=True, changes_numbers="yes: both"),
)
TRL_VARIANTS = (
    Variant("TRL, its defaults", 8, "always", 0.05, compiled=False, trl=True, changes_numbers="–"),
    Variant("TRL, nothing recomputed", 4, "never", 0.05, compiled=False, trl=True),
    VARIANTS[1],
    VARIANTS[5],
)


@dataclass(frozen=True)
class Measurement:
    """The speed of one variant.

    Attributes:
        variant: that was measured.
        samples_per_second: examples per second of median step time.
        memory_gb: peak of allocated GPU memory, in 10⁹ bytes.
        share: of the GPU's bf16 rate, counting each needed operation once (no recomputation); 0…1.
        micro_batch: after fallbacks.
        losses: of each step, in nats per token.
        start_seconds: before the first measured step.
    """

    variant: Variant
    samples_per_second: float
    memory_gb: float
    share: float
    micro_batch: int
    losses: list[float]
    start_seconds: float


def published_loss(model: LoraModel, batch: Batch) -> torch.Tensor:
    """Summed loss as transformers and peft compute it by default: logits at every position, and an attention mask."""
    input_ids = batch.input_ids.to(model.device)
    output = model(
        input_ids=input_ids,
        pixel_values=batch.pixel_values.to(model.device, torch.bfloat16),
        attention_mask=torch.ones_like(input_ids),
        labels=batch.labels.to(model.device),
        use_cache=False,
    )
    return output.loss * batch.answer_tokens()


@contextmanager
def published_step() -> Iterator[None]:
    """Within the block, training uses `published_loss`."""
    ours, step.loss_sum = step.loss_sum, published_loss
    try:
        yield
    finally:
        step.loss_sum = ours


def lengths_of(given: argparse.Namespace, variant: Variant) -> list[int]:
    """Positions of each example of the effective batch, the image included."""
    if given.lengths == "mixed":
        return [example.positions for example in mixed_examples(given.batch_size)]
    return [given.positions - number * variant.packed for number in range(given.batch_size)]


def random_batch(model: PreTrainedModel, lengths: Sequence[int]) -> Batch:
    """A batch of examples of so many positions, the image included, that each end with an answer of `ANSWER` tokens."""
    generator = torch.Generator().manual_seed(0)
    image = len(with_image(model.config, [], 0))
    shape = len(lengths), max(lengths) - image
    words = torch.randint(5, model.config.image_token_id, shape, generator=generator).tolist()
    rows = [with_image(model.config, row[: length - image], 40) for row, length in zip(words, lengths, strict=True)]
    tokens = [Tokens(ids, [IGNORED] * (len(ids) - ANSWER) + ids[-ANSWER:]) for ids in rows]
    return collate(tokens, random_images(model.config, len(lengths)), pad_token_id=0)


def measure(
    variant: Variant, size: str, lengths: Sequence[int], steps: int, rate: float, device: str = "cuda"
) -> Measurement:
    """Build a new model, take two warm-up steps and `steps` measured ones, and return the medians.

    Args:
        variant: to measure.
        size: of `mirror.benchmarks.random_models.counselor.SIZES`.
        lengths: of the examples of an effective batch, in positions, with the image's.
        steps: to measure.
        rate: the GPU's, as of `matmul_rate`.
        device: `cuda`, or `cpu` to try the benchmark.
    """
    began = time.monotonic()
    torch.manual_seed(0)
    base = random_counselor(size, torch.bfloat16, device, variant.quantize)
    batch = random_batch(base, lengths)
    model = add_lora(base, RANK, ALPHA, variant.dropout, seed=0, fused=not variant.published)
    needed = sum(flops_per_example(model, length) for length in lengths)
    if variant.published:  # everything in bf16, as in the published trainer
        model.bfloat16()
    if variant.float8:
        freeze_in_float8(model)
    stepper = Stepper(
        model, make_optimizer(model, *RATES, 0.0), variant.micro_batch, variant.checkpointing, 1.0, seed=0
    )
    if variant.compiled and not compile_obstacle(stepper.device):
        compile_layers(model, RECIPES.get(size, RECIPES["other"])["activation_budget"])
    losses = [stepper.step(batch, number, 1.0) for number in range(2)]
    started = time.monotonic() - began
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = median_seconds(lambda: losses.append(stepper.step(batch, len(losses), 1.0)), steps, device, warm_up=0)
    return Measurement(
        variant,
        len(lengths) / seconds,
        torch.cuda.max_memory_allocated() / 1e9 if device == "cuda" else 0.0,
        needed / seconds / rate,
        stepper.micro_batch,
        losses,
        started,
    )


def table(measurements: list[Measurement]) -> str:
    """The measurements as a Markdown table; ratios are to the first row."""
    heads = "settings | samples/s | ratio | peak memory | share | micro-batch | first loss | other numbers?"
    lines = [f"| {heads} |", "|---" * 8 + "|"]
    for m in measurements:
        lines.append(
            f"| {m.variant.name} | {m.samples_per_second:.2f} "
            f"| {m.samples_per_second / measurements[0].samples_per_second:.2f} | {m.memory_gb:.1f} GB | {m.share:.0%} "
            f"| {m.micro_batch} | {m.losses[0]:.4f} | {m.variant.changes_numbers} |"
        )
    return "\n".join(lines)


REPORT = """# Fine-tuning {name}: samples per second

`python -m mirror.benchmarks.training --size {size} --batch-size {batch_size}{more}`

{gpu}, {versions}. Random weights at the real shapes; {examples}, effective batch
{batch_size}. The GPU's bf16 rate, measured in the same run: {rate:.3g} TFLOP/s.

{table}

*ratio*: to the first row, measured side by side in this run. *share*: of the GPU's bf16 rate, each needed operation
counted once. *first loss*: of the untrained model, in nats per token: the same up to rounding, so the variants compute
one thing. *other numbers?*: whether a model is trained to other weights than by the published recipe, beyond rounding.
"""


def report(given: argparse.Namespace, rate: float, measurements: list[Measurement]) -> str:
    """The report in Markdown: setup, machine and table."""
    more = f" --quantize {' '.join(given.quantize)} --micro-batch {given.micro_batch}" if given.quantize else ""
    more += " --beside trl" if given.beside else ""
    more += " --lengths mixed" if given.lengths == "mixed" else f" --positions {given.positions}"
    lengths = lengths_of(given, variants_of(given)[0])
    mixed = f"examples of {min(lengths):,} to {max(lengths):,} positions, {sum(lengths) / len(lengths):,.0f} on average"
    return REPORT.format(
        **vars(given) | {"rate": rate / 1e12},
        more=more,
        examples=mixed if given.lengths == "mixed" else f"every example {given.positions:,} positions",
        name=NAMES[given.size],
        gpu=device_name(torch.device(resolve_device("auto"))),
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        table=table(measurements),
    )


def variants_of(given: argparse.Namespace) -> tuple[Variant, ...]:
    """The variants to measure: those with TRL's; with `--quantize`, two for each choice, trained as on a small card.

    Only LLaVA-1.5 has a published recipe.
    """
    numbers = {"none": "no, rounding only", "nf4": "yes: 4-bit weights"}
    names = {False: "quantize {}, activations recomputed", True: "quantize {}, recomputed, packed rows"}
    chosen = given.quantize or ()
    if given.beside:
        return TRL_VARIANTS
    if not chosen:
        return VARIANTS if given.size in SHAPES else tuple(variant for variant in VARIANTS if not variant.published)
    others = (given.micro_batch, "always", 0.05)
    return tuple(
        Variant(name.format(q), *others, quantize=q, packed=packed, changes_numbers=numbers[q])
        for packed, name in names.items()
        for q in chosen
    )


def measure_all(given: argparse.Namespace) -> None:
    """Measure all variants, each in a process of its own; update the report. Those that do not fit are left out."""
    device = resolve_device("auto")
    rate = matmul_rate(device, *() if device == "cuda" else (256, 3))
    print(f"{device_name(torch.device(device))}: {rate / 1e12:.3g} TFLOP/s in bf16", flush=True)
    measurements = []
    name = f"train-{given.size}" + "-mixed" * (given.lengths == "mixed") + "-quantize" * bool(given.quantize)
    name += "-trl" * bool(given.beside)
    for number, variant in enumerate(variants_of(given)):
        words = ["--variant", number, "--rate", rate, "--size", given.size, "--positions", given.positions]
        words += ["--batch-size", given.batch_size, "--steps", given.steps, "--micro-batch", given.micro_batch]
        words += ["--lengths", given.lengths]
        words += ["--quantize", *given.quantize] if given.quantize else []
        words += ["--beside", given.beside] if given.beside else []
        command = [sys.executable, "-m", "mirror.benchmarks.training", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{variant.name}: failed\n{done.stderr[-1500:]}", flush=True)
            continue
        values = json.loads(done.stdout.splitlines()[-1])
        measurements.append(found := Measurement(**values | {"variant": variant}))
        print(f"{variant.name}: {found.samples_per_second:.2f} samples/s, {found.memory_gb:.1f} GB", flush=True)
        folder = output_path(given.out)
        write_json(folder / f"{name}.json", [asdict(m) for m in measurements])
        write_text(folder / f"{name}.md", report(given, rate, measurements))
    if not measurements:
        sys.exit("no variant could be measured; see above")
    print(table(measurements))
