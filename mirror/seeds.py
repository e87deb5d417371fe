"""Seeds derived from what they are for, the same on every machine."""

import hashlib
import json
from typing import Any


def seed_for(*parts: Any) -> int:
    """A seed in 0…2⁶³-1 by a stable hash of what it is for: the same on every machine and in every process."""
    digest = hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
