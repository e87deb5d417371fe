"""Random seeds derived from their purpose, identical on every machine."""

import hashlib
import json
from typing import Any


def seed_for(*parts: Any) -> int:
    """Derive a seed from its purpose by a stable hash (SHA-256 of the parts as JSON).

    Args:
        parts: JSON values that name the purpose, e.g. `"split", 42`.

    Returns:
        A seed in 0…2⁶³-1, identical in every process and on every machine.
    """
    digest = hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
