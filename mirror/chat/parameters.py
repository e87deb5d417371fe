"""The sampling parameters of a chat endpoint, without those that its server rejects.

Thread-safe: concurrent requests share what one rejection taught.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from mirror.chat.errors import ServerError

SEED_BITS = 31  # many servers accept no larger seed; the seeds here have 63 bits
OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
REASON_LENGTH = 200  # characters of the server's reason that are recorded
log = logging.getLogger(__name__)


def fold_seed(seed: int) -> int:
    """Returns `seed` in 31 bits: unchanged if it fits, else XOR-folded, identically on every machine."""
    folded = seed
    while folded >> SEED_BITS:
        folded = (folded >> SEED_BITS) ^ (folded & (1 << SEED_BITS) - 1)
    return folded


class Parameters:
    """The sampling of an endpoint, without the parameters that its server rejected.

    Attributes:
        left_out: By name, the `value` that is no longer sent and the server's `reason`; also `sent_as` if the value is
            sent under another name. Initially empty.
    """

    def __init__(self, endpoint: str, sampling: Mapping[str, Any], limit_name: str = "max_tokens") -> None:
        """Initializes the parameters.

        Args:
            endpoint: The server and model, for log messages.
            sampling: The values by name, among them `max_tokens`.
            limit_name: The name under which `max_tokens` is sent first.
        """
        self.endpoint, self.sampling, self.limit_name = endpoint, dict(sampling), limit_name
        self.left_out: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def accepted(
        self, seed: int | None, response_format: Mapping[str, Any] | None, max_tokens: int | None
    ) -> dict[str, Any]:
        """Returns the parameters of the next request, for which the arguments are meant; None omits or keeps one."""
        own: dict[str, Any] = {} if max_tokens is None else {"max_tokens": max_tokens}
        values = self.sampling | own
        with self._lock:
            values[self.limit_name] = values.pop("max_tokens")
            values |= {} if seed is None else {"seed": fold_seed(seed)}
            form = self._form(response_format)
            values |= {} if form is None else {"response_format": form}
            return {name: value for name, value in values.items() if not self._is_out(name)}

    def learn(self, error: ServerError, sent: Mapping[str, Any], reason: str) -> bool:
        """Drops the parameters that the server rejected.

        Args:
            error: The server's error.
            sent: The parameters of the request.
            reason: The server's message, for the log and the record.

        Returns:
            Whether the request should be repeated with the remaining parameters.
        """
        names = error.unsupported(sent)
        with self._lock:
            return any([self._drop(name, sent[name], reason) for name in names])

    def facts(self) -> dict[str, Any]:
        """Returns the sampling as it is sent, and what was left out."""
        with self._lock:
            sent = {name: value for name, value in self.sampling.items() if not self._is_out(name)}
            return sent | {"seed_bits": SEED_BITS} | ({"left_out": dict(self.left_out)} if self.left_out else {})

    def _is_out(self, name: str) -> bool:
        return name in self.left_out and name not in ("response_format", *OTHER_NAME)

    def _form(self, asked: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Returns the response format that the server still supports: the one asked for, else any JSON, else none."""
        refused = self.left_out.get("response_format", {}).get("value", ())
        forms = () if asked is None else (asked, {"type": "json_object"})
        return next((form for form in forms if form["type"] not in refused), None)

    def _drop(self, name: str, value: Any, reason: str) -> bool:
        if name in OTHER_NAME:  # a request without a limit has unbounded cost, so only the name may change
            return self._rename(name, value, reason)
        if name == "response_format":
            known = self.left_out.get(name, {}).get("value", ())
            if value["type"] in known:  # a concurrent request was faster
                return True
            value = (*known, value["type"])
        elif name in self.left_out:
            return True
        self._record(name, value, reason, "is left out from now on")
        return True

    def _rename(self, name: str, value: Any, reason: str) -> bool:
        if name != self.limit_name:  # a concurrent request was faster
            return True
        other = OTHER_NAME[name]
        if other in self.left_out:
            return False
        self.limit_name = other
        self._record(name, value, reason, f"is sent as {other} from now on", sent_as=other)
        return True

    def _record(self, name: str, value: Any, reason: str, what: str, **more: str) -> None:
        shown = list(value) if isinstance(value, tuple) else value
        reason = reason[:REASON_LENGTH]
        self.left_out[name] = {"value": shown, "reason": reason, **more}
        log.warning("%s: %s = %s is refused and %s (%s)", self.endpoint, name, shown, what, reason)
