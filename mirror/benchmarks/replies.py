"""Measures the speed of replies: eager decoding against the compiled step, alone and in batches, in one run.

    python -m mirror.benchmarks.replies --out results/benchmarks
    python -m mirror.benchmarks.replies --model qwen3-vl-8b --ways 1 0 --batches 1 16

Random weights in bf16 at the real shapes; an image and 753 tokens of text (1,329 positions of LLaVA-1.5), then 64
sampled tokens. No download. Writes `replies.md` and `.json`, of other models `replies-<model>.md`, after each row.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from operator import itemgetter
from pathlib import Path
from statistics import mean
from tempfile import TemporaryFile
from typing import TypeVar

import torch
from transformers import PreTrainedModel

from mirror.benchmarks.random_models.counselor import (
    NAMES,
    ON_CPU,
    SIZES,
    positions_of,
    random_counselor,
    random_images,
    with_image,
)
from mirror.console import run_command
from mirror.files.atomic import write_text
from mirror.files.json_file import write_json
from mirror.models.decoding import Decoder
from mirror.models.device import device_name, resolve_device
from mirror.models.families.parts import token_types
from mirror.models.lora import add_lora
from mirror.models.sampling import SeededSampling
from mirror.paths import output_path
from mirror.provenance import versions

BATCHES = (1, 4, 8, 16)
TEXT, REPLY = 753, 64  # tokens
COMPARED = 4  # prompts whose replies in a batch are compared with their replies alone
PAD, END = 0, 2

T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """One way to decode.

    Attributes:
        name: in the report.
        static: with a static cache and a compiled step.
        adapter: with LoRA that is not merged.
    """

    name: str
    static: bool
    adapter: bool = False


WAYS = (
    Way("dynamic cache, eager", static=False),
    Way("static cache, compiled", static=True),
    Way("dynamic cache, eager, with an adapter", static=False, adapter=True),
    Way("static cache, compiled, with an adapter", static=True, adapter=True),
)


@dataclass(frozen=True)
class Measurement:
    """The speed of one way at one batch size.

    Attributes:
        way: its name.
        batch: replies at a time.
        seconds_per_reply: the faster of two calls, divided by the batch.
        prompt_share: of the time, for reading prompts and images and the first token.
        start_seconds: of warming up and of an unmeasured first call.
        memory_gb: peak of reserved GPU memory so far, in 10⁹ bytes; None on a CPU.
        equal_tokens: share of the tokens that a reply has in common with the same prompt's reply alone, up to the first
            that differs; over `COMPARED` prompts. None until all batch sizes are measured.
    """

    way: str
    batch: int
    seconds_per_reply: float
    prompt_share: float
    start_seconds: float
    memory_gb: float | None
    equal_tokens: float | None = None


class Bench:
    """A model with prompts of its own, in one way of decoding."""

    def __init__(self, model: PreTrainedModel, way: Way) -> None:
        """Prepare the decoder; `model` is changed if the way has an adapter."""
        self.way, self.model = way, model
        if way.adapter:
            add_lora(model, rank=128, alpha=256, dropout=0, seed=0).eval()  # the published recipe's shapes
        self.decoder = Decoder(model, PAD, more_inputs=lambda ids: token_types(model, ids))
        self.decoder.static = way.static
        self.images = random_images(model.config, max(BATCHES))

    def reply(self, places: Sequence[int], tokens: int = REPLY) -> list[list[int]]:
        """Replies to the prompts at `places`, each with a seed and an image of its own."""
        return self.decoder.generate(
            [self._prompt(place) for place in places],
            tokens,
            SeededSampling(list(places), 0.7, 0.9),
            [self.images[place] for place in places],
            [PAD, self.model.config.image_token_id],
            min_new_tokens=tokens,
            pad_token_id=PAD,
            eos_token_id=[END],
        )

    def _prompt(self, place: int) -> list[int]:
        words = torch.randint(END + 1, 300, (TEXT,), generator=torch.Generator().manual_seed(place)).tolist()
        return with_image(self.model.config, words, 35)

    def warm_up(self, batch: int) -> None:
        """Allocate, compile and record for a batch, and reply once."""
        self.decoder.warm_up([batch], len(self._prompt(0)) + REPLY)
        self.reply(range(batch))


def measure(model: PreTrainedModel, way: Way, batches: Sequence[int] = BATCHES) -> Iterator[Measurement]:
    """Measure one way at the batch sizes; the largest comes first, so that the cache is allocated once.

    Yields:
        A row as soon as it is measured; at the end all rows again, with `equal_tokens`.
    """
    bench = Bench(model, way)
    measured, replies = [], []
    for batch in sorted(batches, reverse=True):
        start, _ = seconds(partial(bench.warm_up, batch))
        taken, found = min((seconds(partial(bench.reply, range(batch))) for _ in range(2)), key=itemgetter(0))
        prompt = min(seconds(partial(bench.reply, range(batch), 1))[0] for _ in range(2))
        memory = torch.cuda.max_memory_reserved() / 1e9 if torch.cuda.is_available() else None
        measured.append(Measurement(way.name, batch, taken / batch, prompt / taken, start, memory))
        replies.append(found)
        yield measured[-1]
    alone = [bench.reply([place])[0] for place in range(COMPARED)]
    for row, found in zip(measured, replies, strict=True):
        yield replace(row, equal_tokens=mean(map(share_in_common, alone, found)))


def share_in_common(one: Sequence[int], other: Sequence[int]) -> float:
    """The share of its tokens that a reply has in common with another before they differ."""
    return next((n for n, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one)) / len(one)


def seconds(call: Callable[[], T]) -> tuple[float, T]:
    """Seconds of one call, the GPU's work included, and its result."""
    start = time.perf_counter()
    result = call()  # its tokens are on the CPU, so the GPU has done its work
    return time.perf_counter() - start, result


def table(measurements: Sequence[Measurement]) -> str:
    """A Markdown table, one row per way and batch size; ratios are to the first way at the same batch size."""
    first = {m.batch: m.seconds_per_reply for m in reversed(measurements) if m.way == measurements[0].way}
    lines = [
        "| way | batch | s a reply (ratio) | of it the prompt | start | memory | equal to alone |",
        "|---" * 7 + "|",
    ]
    lines += [
        f"| {m.way} | {m.batch} | {m.seconds_per_reply:.3f} ({first[m.batch] / m.seconds_per_reply:.2f}) "
        f"| {m.prompt_share:.0%} | {m.start_seconds:.0f} s | {'' if m.memory_gb is None else f'{m.memory_gb:.0f} GB'} "
        f"| {'' if m.equal_tokens is None else f'{m.equal_tokens:.0%}'} |"
        for m in measurements
    ]
    return "\n".join(lines)


REPORT = """# Replies: seconds per reply

`{command}`

{gpu}, {versions}. {name} with random weights in bf16: an image and {text} tokens of text, {positions:,} positions, then
{reply} tokens, sampled at temperature 0.7 with `top_p` 0.9. An adapter is LoRA of rank 128, not merged.

{table}

*ratio*: to the first way at the same batch size. *of it the prompt*: the time until the first token. *start*: one
reply, with allocating, compiling and recording before it; compiled code stays on disk for the next start. *memory*: the
most that PyTorch had reserved on the GPU, the larger batches' caches included. *equal to alone*: the share of tokens
that {compared} prompts' replies have in common with their replies alone before they first differ; the draws are the
same, rounding is not.
"""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mirror.benchmarks.replies", description="Measure the speed of replies."
    )
    parser.add_argument("--model", choices=SIZES, default="7b", help="a size of LLaVA-1.5, or another model")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    parser.add_argument(
        "--ways", type=int, nargs="+", default=list(range(len(WAYS))), help="numbers of the rows, from 0"
    )
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES))
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # one way in a process of its own
    given = parser.parse_args()
    if not torch.cuda.is_available() and given.model not in ON_CPU:
        sys.exit("this benchmark needs an NVIDIA GPU, and PyTorch sees none")
    if given.inside:
        model = random_counselor(given.model, torch.bfloat16, resolve_device("auto")).eval()
        for found in measure(model, WAYS[given.ways[0]], given.batches):
            print(json.dumps(asdict(found)), flush=True)
        return
    measure_all(output_path(given.out), given.model, [WAYS[number] for number in given.ways], given.batches)


def measure_all(folder: Path, model: str, ways: Sequence[Way], batches: Sequence[int]) -> None:
    """Measure the ways, each in a process of its own (no shared memory); write the report into `folder` by the row."""
    rows: dict[tuple[str, int], Measurement] = {}
    failed: list[str] = []
    for way in ways:
        command = [sys.executable, "-m", "mirror.benchmarks.replies", "--inside", "--model", model]
        command += ["--ways", str(WAYS.index(way)), "--batches", *map(str, batches)]
        with (
            TemporaryFile("w+") as errors,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as run,
        ):
            for line in run.stdout or ():
                if line.startswith("{"):
                    found = Measurement(**json.loads(line))
                    rows[found.way, found.batch] = found
                    report(folder, model, list(rows.values()))
                    print(table([found]).splitlines()[-1], flush=True)
            if run.wait():
                errors.seek(0)
                print(f"{way.name}: failed\n{errors.read()[-1500:]}", flush=True)
                failed.append(way.name)
    print(table(list(rows.values())) if rows else "nothing was measured", flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def report(folder: Path, model: str, measurements: Sequence[Measurement]) -> None:
    """Write the measurements so far as Markdown and JSON."""
    name = "replies" if model == "7b" else f"replies-{model}"
    write_json(folder / f"{name}.json", [asdict(measurement) for measurement in measurements])
    text = REPORT.format(
        command=" ".join(["python -m mirror.benchmarks.replies", *sys.argv[1:]]),
        gpu=device_name(torch.device(resolve_device("auto"))),
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
        name=NAMES[model],
        positions=positions_of(model, TEXT),
        text=TEXT,
        reply=REPLY,
        compared=COMPARED,
        table=table(measurements),
    )
    write_text(folder / f"{name}.md", text)


if __name__ == "__main__":
    run_command(main)
