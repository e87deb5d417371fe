"""Random numbers by purpose: a stream is named by what it is for. Knows nothing of who draws from it."""

import hashlib
import random


def stable_seed(*purpose: str | int) -> int:
    """An integer in 0 … 2**48 - 1 that depends on the parts of `purpose` only; the same on every machine and day."""
    text = "\x1f".join(map(str, purpose))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def stream(*purpose: str | int) -> random.Random:
    """A random stream of its own for every purpose, e.g. `stream("client", 7)`."""
    return random.Random(stable_seed(*purpose))
