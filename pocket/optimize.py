"""The training loop of all pocket networks: AdamW, a learning-rate schedule, gradient clipping and a progress bar."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from torch.optim.lr_scheduler import LRScheduler
from transformers import get_cosine_schedule_with_warmup

from mirror.progress_bar import progress_bar
from pocket.seeds import stable_seed

REPORTS = 10  # mean losses shown per training


def train(
    parameters: Sequence[torch.nn.Parameter],
    loss: Callable[[int], torch.Tensor],
    steps: int,
    learning_rate: float,
    name: str,
) -> None:
    """Minimizes `loss` with AdamW, 5% linear warm-up and a cosine decay to zero.

    Args:
        parameters: What is trained.
        loss: The loss of one batch, given the number of the step, 0 … `steps` - 1.
        steps: Number of batches.
        learning_rate: The peak learning rate.
        name: Label of the progress bar, which shows the losses.
    """
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.02, betas=(0.9, 0.98), fused=True)
    _run(parameters, loss, steps, name, optimizer, get_cosine_schedule_with_warmup(optimizer, steps // 20, steps), 1.0)


def train_one_cycle(
    parameters: Sequence[torch.nn.Parameter],
    loss: Callable[[int], torch.Tensor],
    steps: int,
    learning_rate: float,
    name: str,
    *,
    weight_decay: float,
    warmup: float = 0.1,
    max_norm: float | None = 5.0,
) -> None:
    """Minimizes `loss` with AdamW and the one-cycle schedule (Smith & Topin, 2018), which also cycles the momentum.

    Args:
        parameters: What is trained.
        loss: The loss of one batch, given the number of the step, 0 … `steps` - 1.
        steps: Number of batches.
        learning_rate: The peak learning rate.
        name: Label of the progress bar, which shows the losses.
        weight_decay: AdamW's decoupled weight decay.
        warmup: Share of the steps before the peak.
        max_norm: Gradients are clipped to this norm; None leaves them as they are.
    """
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, learning_rate, total_steps=max(steps, 2), pct_start=warmup
    )
    _run(parameters, loss, steps, name, optimizer, schedule, max_norm)


def _run(
    parameters: Sequence[torch.nn.Parameter],
    loss: Callable[[int], torch.Tensor],
    steps: int,
    name: str,
    optimizer: torch.optim.Optimizer,
    schedule: LRScheduler,
    max_norm: float | None,
) -> None:
    total = torch.zeros((), device=parameters[0].device)
    interval = max(1, steps // REPORTS)
    with fastest_kernels(), progress_bar(name, "steps", steps) as bar:
        for step in range(steps):
            current = loss(step)
            current.backward()
            if max_norm is not None:
                torch.nn.utils.clip_grad_norm_(parameters, max_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            total += current.detach()
            if (step + 1) % interval == 0:
                bar.set_postfix_str(f"loss {total.item() / interval:.4f}")
                total.zero_()
            bar.update()


def seeded_generator(purpose: str, seed: int, device: str) -> torch.Generator:
    """Seeds the initial weights of one network (torch's global generator) and returns a generator for its batches.

    Each network has its own, so that its weights do not depend on how long the others are trained.
    """
    torch.manual_seed(stable_seed(purpose, seed))
    return torch.Generator(device).manual_seed(stable_seed(purpose, seed))


@contextmanager
def half_precision(device: torch.device) -> Iterator[None]:
    """Autocasts to bfloat16 on a GPU; computes in float32 elsewhere."""
    # A recorded CUDA graph must not hold weights that an earlier call cast and cached.
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda", cache_enabled=False):
        yield


def fastest_kernels() -> AbstractContextManager[None]:
    """Lets cuDNN benchmark its convolution kernels: the shapes stay the same for thousands of steps."""
    return torch.backends.cudnn.flags(enabled=True, benchmark=True)
