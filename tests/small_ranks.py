"""A follower that loads no model: `python -m tests.small_ranks` does what its message says, step by step."""

import time
from itertools import count

import torch

from mirror.training.ranks import Ranks
from mirror.training.ranks.launch import follow


def exchange(ranks: Ranks, device: str, message: dict) -> None:
    """Takes one of every exchange for ever; one rank may raise at the second, or hang before the first."""
    ranks.connect()
    for step in count():
        if message.get("hangs") == ranks.number:
            time.sleep(3600)
        if step and message.get("fails") == ranks.number:
            raise ValueError(f"step {step} is faulty")
        take(ranks, step)


def take(ranks: Ranks, step: int) -> tuple[list, float, float, dict]:
    """One of every exchange."""
    with ranks.working():
        tensor = torch.full((3,), ranks.number + 0.5)
    rows = ranks.gather(ranks.number, step)
    ranks.add(tensor)
    spread = torch.full((), ranks.number + 7.0)
    ranks.spread([spread])
    return rows, tensor.tolist(), float(spread), ranks.spread_json({"rank": ranks.number, "best": float("inf")})


if __name__ == "__main__":
    follow(exchange)
