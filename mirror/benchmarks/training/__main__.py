"""Measures the speed of fine-tuning a counselor: the published recipe against this project's settings, in one run.

    python -m mirror.benchmarks.training --size 7b --out results/benchmarks

Random weights at the real shapes, random examples of 753 tokens of text (the published set's mean) and an image, which
are 1,329 positions of LLaVA-1.5 and 855 of Qwen3-VL, in effective batches of 32; no download. Writes `train-<size>.md`
and `.json`. `--beside trl` compares with TRL's SFTTrainer instead, on examples of equal or of mixed lengths, and
`--quantize none nf4` frozen weights in bf16 and in 4 bits. See `mixed` for `--lengths mixed`, `gpus` for `--gpus`.
"""

import argparse
import importlib.util
import json
import sys
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import get_args

import torch

from mirror.benchmarks.random_models.counselor import ON_CPU, SIZES, positions_of
from mirror.benchmarks.training import gpus, mixed, variants
from mirror.benchmarks.training.variants import Measurement, Variant, measure_all, published_step, variants_of
from mirror.console import run_command
from mirror.models.device import resolve_device
from mirror.models.llava import SHAPES
from mirror.models.quantization import Quantize

TEXT = 753  # tokens of an example beside its image: the published set's mean


def _parser() -> argparse.ArgumentParser:
    description = "Measure the speed of fine-tuning a counselor."
    parser = argparse.ArgumentParser(prog="python -m mirror.benchmarks.training", description=description)
    parser.add_argument(
        "--size", choices=[*SIZES, "pocket"], default="7b", help="pocket: with --lengths mixed or --gpus only"
    )
    parser.add_argument("--lengths", choices=["equal", "mixed"], default="equal", help="mixed: how batches are formed")
    parser.add_argument("--gpus", type=int, nargs="+", help="one row per number of GPUs; without a GPU, of processes")
    parser.add_argument("--batches", type=int, default=16, help="effective batches per row, with --lengths mixed")
    parser.add_argument("--quantize", nargs="+", choices=get_args(Quantize), help="compare these, on a small card, say")
    parser.add_argument("--beside", choices=["trl"], help="compare with TRL's SFTTrainer, which must be installed")
    parser.add_argument("--micro-batch", type=int, default=4, help="examples at a time, with --quantize")
    parser.add_argument("--positions", type=int, help=f"of an example; by default {TEXT} of text, and the image's")
    parser.add_argument("--batch-size", type=int, default=32, help="effective batch")
    parser.add_argument("--steps", type=int, default=3, help="measured steps per variant, after two warm-up steps")
    parser.add_argument("--out", type=Path, default=Path("results/benchmarks"))
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)  # one number of GPUs in processes of its own
    parser.add_argument("--variant", type=int, help=argparse.SUPPRESS)  # one variant in a process of its own
    parser.add_argument("--rate", type=float, help=argparse.SUPPRESS)
    return parser


def main() -> None:
    """Run the command line."""
    parser = _parser()
    given = parser.parse_args()
    given.positions = given.positions or positions_of("7b" if given.size == "pocket" else given.size, TEXT)
    if given.size not in (*SHAPES, "pocket") and (given.gpus or given.quantize or given.lengths == "mixed"):
        parser.error(f"--size {given.size} is measured without --gpus, --quantize and --lengths mixed")
    if given.quantize and given.lengths == "mixed":
        parser.error("--quantize measures packed rows by itself; leave --lengths out")
    if given.gpus:
        return gpus.run(given)
    if given.lengths == "mixed" and not given.beside:
        return mixed.run(given)
    if given.size == "pocket":
        parser.error(f"--size {given.size} needs --lengths mixed or --gpus")
    if given.beside and not importlib.util.find_spec("trl"):
        parser.error("--beside trl needs the package: pip install trl")
    if not torch.cuda.is_available() and given.size not in ON_CPU:
        sys.exit("this benchmark needs an NVIDIA GPU, and PyTorch sees none")
    if given.variant is not None:
        return print(json.dumps(asdict(measure(given, variants_of(given)[given.variant]))))
    measure_all(given)


def measure(given: argparse.Namespace, variant: Variant) -> Measurement:
    """One row."""
    lengths = variants.lengths_of(given, variant)
    shape = (variant, given.size, lengths, given.steps, given.rate, resolve_device("auto"))
    if variant.trl:
        from mirror.benchmarks.training import trl

        return trl.measure(*shape)
    with published_step() if variant.published else nullcontext():
        return variants.measure(*shape)


if __name__ == "__main__":
    run_command(main)
