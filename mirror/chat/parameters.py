"""The parameters that go out to one chat endpoint with every request: what the server refuses is left out from then on.

Safe to use from several threads: requests that are under way together learn from one refusal.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from mirror.chat.errors import Fault

SEED_BITS = 31  # many servers take no larger seed; the seeds here have 63 bits
OTHER_NAME = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
WORDS = 200  # characters of the server's reason that are kept
log = logging.getLogger(__name__)


def fold_seed(seed: int) -> int:
    """`seed` in 31 bits: small ones as they are, others by a fold that is the same on every machine."""
    folded = seed
    while folded >> SEED_BITS:
        folded = (folded >> SEED_BITS) ^ (folded & (1 << SEED_BITS) - 1)
    return folded


class Parameters:
    """The sampling of an endpoint, without what its server refused.

    Attributes:
        left_out: by name, the value that is no longer sent and the server's reason; `sent_as` where another name
            took its place. Empty at first.
    """

    def __init__(self, endpoint: str, sampling: Mapping[str, Any], limit_name: str = "max_tokens") -> None:
        """`endpoint` names the model and its server in the log; `limit_name` is what the limit is called at first."""
        self.endpoint, self.sampling, self.limit_name = endpoint, dict(sampling), limit_name
        self.left_out: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def accepted(self, seed: int | None, response_format: Mapping[str, Any] | None, max_tokens: int | None) -> dict:
        """What is sent with the next request; the arguments are its own."""
        own: dict[str, Any] = {} if max_tokens is None else {"max_tokens": max_tokens}
        values = self.sampling | own
        with self._lock:
            values[self.limit_name] = values.pop("max_tokens")
            values |= {} if seed is None else {"seed": fold_seed(seed)}
            form = self._form(response_format)
            values |= {} if form is None else {"response_format": form}
            return {name: value for name, value in values.items() if not self._is_out(name)}

    def learn(self, fault: Fault, sent: Mapping[str, Any], reason: str) -> bool:
        """Leaves out what `fault` says the server does not take of `sent`; whether a request without it is worth it."""
        names = fault.refused(sent)
        with self._lock:
            return any([self._give_up(name, sent[name], reason) for name in names])

    def facts(self) -> dict[str, Any]:
        """The sampling as it is sent, and what was left out."""
        with self._lock:
            sent = {name: value for name, value in self.sampling.items() if not self._is_out(name)}
            return sent | {"seed_bits": SEED_BITS} | ({"left_out": dict(self.left_out)} if self.left_out else {})

    def _is_out(self, name: str) -> bool:
        return name in self.left_out and name not in ("response_format", *OTHER_NAME)

    def _form(self, asked: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """The form of answers that the server still takes: a JSON schema, else a JSON object, else none."""
        refused = self.left_out.get("response_format", {}).get("value", ())
        forms = () if asked is None else (asked, {"type": "json_object"})
        return next((form for form in forms if form["type"] not in refused), None)

    def _give_up(self, name: str, value: Any, reason: str) -> bool:
        if name in OTHER_NAME:  # a request without any limit could cost without end: only the name may change
            return self._rename(name, value, reason)
        if name == "response_format":
            known = self.left_out.get(name, {}).get("value", ())
            if value["type"] in known:  # another request has learned it
                return True
            value = (*known, value["type"])
        elif name in self.left_out:
            return True
        self._record(name, value, reason, "is left out from now on")
        return True

    def _rename(self, name: str, value: Any, reason: str) -> bool:
        if name != self.limit_name:  # another request has learned it
            return True
        other = OTHER_NAME[name]
        if other in self.left_out:
            return False
        self.limit_name = other
        self._record(name, value, reason, f"is sent as {other} from now on", sent_as=other)
        return True

    def _record(self, name: str, value: Any, reason: str, what: str, **more: str) -> None:
        shown = list(value) if isinstance(value, tuple) else value
        self.left_out[name] = {"value": shown, "reason": reason[:WORDS], **more}
        log.warning("%s: %s = %s is refused and %s (%s)", self.endpoint, name, shown, what, reason[:WORDS])
