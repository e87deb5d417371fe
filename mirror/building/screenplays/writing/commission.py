"""A commission: the session of one client with one kind of resistance, to be written by a chat model."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from mirror.building.dropped import Dropped, Sifted
from mirror.building.screenplays.screenplay import Line, Screenplay
from mirror.chat.messages import Message
from mirror.seeds import seed_for

FOLDER = Path(__file__).parent
PERSONALITY = {
    "emotional": "Emotional Resistance",
    "cognitive": "Cognitive Resistance",
    "behavioral": "Behavioral Resistance",
    "no": "No Resistance",
}
KINDS = tuple(PERSONALITY)
TEMPLATES = (FOLDER / "session.txt", *(FOLDER / f"resistance.{kind}.txt" for kind in KINDS))
UNKNOWN = "(not known)"


@dataclass(frozen=True)
class Commission:
    """One session to be written.

    Attributes:
        client: without lines.
        kind: of resistance, one of `KINDS`.
    """

    client: Screenplay
    kind: str

    @property
    def idx(self) -> str:
        """The identifier of the dialogue: `cactus-12-emotional-resistance`."""
        return f"{self.client.client}-{self.kind}-resistance"

    @property
    def messages(self) -> list[Message]:
        """The conversation whose answer is the session."""
        info = self.client.info
        fields = {
            "personal_info": info.personal_info,
            "reason": info.reason,
            "distorted_thought": info.distorted_thought,
            "technique": self.client.technique,
            "plan": "\n".join(f"{number}. {step}" for number, step in enumerate(self.client.plan, 1)),
        }
        known = {name: text.strip() or UNKNOWN for name, text in fields.items()}
        return [
            Message("user", _template("session.txt").format(**known, manner=_template(f"resistance.{self.kind}.txt")))
        ]

    def seed(self, run_seed: int, attempt: int) -> int:
        """The sampling seed of an attempt, counted from 1."""
        return seed_for(run_seed, "screenplay", self.idx, attempt)

    def digest(self, model: str, sampling: Mapping[str, Any], seed: int) -> str:
        """SHA-256 of everything that determines the answer: the model, its sampling, the words and the seed."""
        words = [[message.role, message.content] for message in self.messages]
        return hashlib.sha256(json.dumps([model, dict(sampling), words, seed], sort_keys=True).encode()).hexdigest()

    def screenplay(self, lines: tuple[Line, ...], model: str) -> Screenplay:
        """The session with the lines that `model` wrote."""
        info = replace(self.client.info, personality=PERSONALITY[self.kind])
        return replace(self.client, idx=self.idx, info=info, lines=lines, source=f"written by {model}")


@dataclass(frozen=True)
class Request:
    """One attempt at a commission.

    Attributes:
        commission: what is written.
        attempt: from 1.
        seed: of the sampling.
        asked: SHA-256 of everything that determines the answer.
    """

    commission: Commission
    attempt: int
    seed: int
    asked: str

    @property
    def custom_id(self) -> str:
        """Its name in a vendor's batch."""
        return f"{self.commission.idx}:{self.attempt}:{self.asked[:16]}"


def parse_kinds(line: str) -> tuple[str, ...]:
    """Parses kinds of resistance such as `emotional, no`.

    Raises:
        ValueError: a kind is unknown or occurs twice, or there is none.
    """
    kinds = tuple(part.strip() for part in line.split(",") if part.strip())
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds or len(set(kinds)) < len(kinds):
        raise ValueError(f"resistances must name some of {', '.join(KINDS)}, each once and with commas, found {line!r}")
    return kinds


def commissions(clients: Iterable[Screenplay], kinds: Sequence[str]) -> Sifted[Commission]:
    """Returns one commission per client and kind, sorted by idx.

    Args:
        clients: in any order; of several with one `Screenplay.client`, the first by idx is taken.
        kinds: some of `KINDS`.
    """
    first: dict[str, Screenplay] = {}
    dropped = []
    for client in sorted(clients, key=lambda one: one.idx):
        known = first.setdefault(client.client, client)
        if known is not client:
            detail = f"{client.idx} is the client of {known.idx}, for whom the same sessions are written"
            dropped.append(Dropped("write", client.idx, None, "same_client", detail))
    kept = (Commission(client, kind) for client in first.values() for kind in kinds)
    return Sifted(tuple(sorted(kept, key=lambda one: one.idx)), tuple(dropped))


@cache
def _template(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8").removesuffix("\n")
