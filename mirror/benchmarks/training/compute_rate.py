"""Operations that fine-tuning needs per example, and the rate at which a GPU computes matrix products."""

import statistics
import time
from collections.abc import Callable

import torch

from mirror.benchmarks.random_models.counselor import patches
from mirror.models.families.parts import family_of_model
from mirror.models.lora import LoraModel, language_model, lora_weights, projector

ANSWER = 40  # tokens of an answer in the benchmarks


def flops_per_example(model: LoraModel, positions: int) -> float:
    """Floating-point operations per example: forward pass, and backward pass through the trained weights.

    A multiply-add counts as two. A frozen matrix is used twice (for y and dx), a LoRA matrix three times, attention
    (causal: half the square) three times, and the vision tower once.

    Args:
        model: with LoRA.
        positions: length of the example, with the image's.
    """
    decoder = language_model(model)
    matrices = [p for n, p in decoder.layers.named_parameters() if p.dim() == 2 and "lora_" not in n]
    frozen = sum(p.numel() * (2 if p.dtype == torch.uint8 else 1) for p in matrices)  # a byte holds two of 4 bits
    trained = sum(p.numel() for p in lora_weights(model))
    config = model.config.text_config
    attention = 2 * positions**2 / 2 * config.hidden_size * 2 * config.num_hidden_layers
    seen, taken = patches(model.config)
    base = model.get_base_model()
    inside = {id(weight) for weight in projector(model).parameters()}  # the tower's of some families
    towers = [base.get_submodule(path) for path in family_of_model(base).vision_tower]
    tower = sum(p.numel() for part in towers for p in part.parameters() if p.dim() == 2 and id(p) not in inside)
    projected = sum(p.numel() for p in projector(model).parameters() if p.dim() == 2)
    head = config.vocab_size * config.hidden_size
    return (
        positions * (4 * frozen + 6 * trained)
        + 3 * attention
        + seen * 2 * tower
        + taken * 6 * projected
        + ANSWER * 4 * head
    )


def matmul_rate(device: str, side: int = 8192, products: int = 50) -> float:
    """The device's rate for bf16 products of two side × side matrices of random numbers, in FLOP/s."""
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / median_seconds(lambda: a @ b, products, device)


def median_seconds(call: Callable[[], object], times: int, device: str = "cuda", warm_up: int = 3) -> float:
    """Median seconds per call on the device."""
    for _ in range(warm_up):
        call()
    if device == "cpu":
        began = [(time.perf_counter(), call(), time.perf_counter()) for _ in range(times)]
        return statistics.median(end - start for start, _, end in began)
    events = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(times)]
    for start, end in events:
        start.record()
        call()
        end.record()
    torch.cuda.synchronize()
    return statistics.median(start.elapsed_time(end) for start, end in events) / 1000
