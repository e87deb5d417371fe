"""Random streams named by their purpose.

The values differ from `mirror.seeds.seed_for`, which serializes and truncates otherwise: the committed pocket data and
weights are derived from these values, so they must not change.
"""

import hashlib
import random


def stable_seed(*purpose: str | int) -> int:
    """Derives a seed in 0 … 2**48 - 1 from the parts of `purpose`; the same on every machine and in every process."""
    text = "\x1f".join(map(str, purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def stream(*purpose: str | int) -> random.Random:
    """Returns an independent random stream for a purpose, e.g. `stream("client", 7)`."""
    return random.Random(stable_seed(*purpose))
