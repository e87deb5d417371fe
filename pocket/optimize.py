"""AdamW with warm-up and a cosine, and a bar that shows the loss. Knows nothing of what is learned."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from tqdm import tqdm
from transformers import get_cosine_schedule_with_warmup


def descend(
    parameters: Sequence[torch.nn.Parameter],
    loss: Callable[[int], torch.Tensor],
    steps: int,
    rate: float,
    name: str,
) -> None:
    """`steps` times down the gradient of `loss(step)`; `rate` is the highest rate. Prints ten of the losses."""
    optimizer = torch.optim.AdamW(parameters, lr=rate, weight_decay=0.02, betas=(0.9, 0.98), fused=True)
    schedule = get_cosine_schedule_with_warmup(optimizer, steps // 20, steps)
    bar = tqdm(range(steps), desc=name, unit="step", mininterval=5)
    total = torch.zeros((), device=parameters[0].device)
    said = max(1, steps // 10)
    with fastest_kernels():
        for step in bar:
            now = loss(step)
            now.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            total += now.detach()
            if (step + 1) % said == 0:
                bar.write(f"{name}, step {step + 1}: loss {total.item() / said:.4f}")
                total.zero_()


@contextmanager
def half_precision(device: torch.device) -> Iterator[None]:
    """bfloat16 where a GPU computes, float32 elsewhere."""
    # What a GPU records must not depend on weights that were cast before.
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda", cache_enabled=False):
        yield


def fastest_kernels() -> AbstractContextManager:
    """On a GPU convolutions are tried first, for what is fastest: their shapes come again for thousands of steps."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=True)
