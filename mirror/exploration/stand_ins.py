"""Stand-ins in a cast: what a person typed as the client, and members that say what they begin to do.

The latter pass everything on to the member that they stand for, so that a person who waits sees it, and can stop it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from mirror.clients.client import ClientUtterance
from mirror.counseling.cast import Cast, Client, Replier
from mirror.counseling.reply import CounselorRequest, Reply
from mirror.faces.description import Describer, Description, DescriptionRequest
from mirror.faces.photomaker import PaintRequest
from mirror.faces.rejection_sampling import Painter
from mirror.prompts import Utterance, format_utterance
from mirror.transcripts.turn import Conversation

Tell = Callable[[str], None]  # raises `Stopped` if nobody waits any more


class Stopped(RuntimeError):
    """A person has stopped the turn."""


@dataclass(frozen=True)
class GivenClient:
    """A client whose next utterance is known, such as one that a person has typed."""

    said: ClientUtterance

    @classmethod
    def typed(cls, utterance: Utterance) -> "GivenClient":
        """A client who says what a person typed."""
        return cls(ClientUtterance(utterance, format_utterance(utterance)))

    def speak(self, conversations: Sequence[Conversation]) -> list[ClientUtterance]:
        """The utterance, for each conversation."""
        return [self.said for _ in conversations]

    def facts(self) -> Mapping[str, Any]:
        """See `mirror.counseling.cast.Client`."""
        return {"client": "typed"}


@dataclass(frozen=True)
class GivenDescriber:
    """A describer whose description is known."""

    description: Description

    def describe(self, requests: Sequence[DescriptionRequest]) -> list[Description]:
        """The description, for each request."""
        return [self.description for _ in requests]

    def warm_up(self, requests: int) -> None:
        """Nothing is compiled."""

    def facts(self) -> dict[str, Any]:
        """See `mirror.faces.description.Describer`."""
        return {"describer": "given"}


def watched(cast: Cast, tell: Tell, counselor: str = "the counselor") -> Cast:
    """A cast that says what it does; the result of a turn is the same.

    Args:
        cast: who takes part.
        tell: gets a phrase such as `painting attempt 2 of 10`, before it is done.
        counselor: what the counselor is called.
    """
    return replace(
        cast,
        client=_Client(cast.client, tell),
        describer=_Describer(cast.describer, tell),
        painter=_Painter(cast.painter, tell, cast.attempts),
        counselor=_Counselor(cast.counselor, tell, counselor),
    )


@dataclass(frozen=True)
class _Client:
    member: Client
    tell: Tell

    def speak(self, conversations: Sequence[Conversation]) -> Sequence[ClientUtterance | Exception]:
        self.tell("the client thinks")
        return self.member.speak(conversations)

    def facts(self) -> Mapping[str, Any]:
        return self.member.facts()


@dataclass(frozen=True)
class _Describer:
    member: Describer
    tell: Tell

    def describe(self, requests: Sequence[DescriptionRequest]) -> Sequence[Description | Exception]:
        self.tell("describing the face")
        return self.member.describe(requests)

    def warm_up(self, requests: int) -> None:
        self.member.warm_up(requests)

    def facts(self) -> dict[str, Any]:
        return self.member.facts()


@dataclass
class _Painter:
    member: Painter
    tell: Tell
    attempts: int
    painted: int = field(default=0, init=False)

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        return self.member.batch_sizes

    def check(self, request: PaintRequest) -> None:
        self.member.check(request)

    def paint(self, requests: Sequence[PaintRequest]) -> Sequence[Image.Image]:
        first, self.painted = self.painted + 1, self.painted + len(requests)
        which = f"attempt {first}" if first == self.painted else f"attempts {first} to {self.painted}"
        self.tell(f"painting {which} of at most {self.attempts}")
        return self.member.paint(requests)

    def warm_up(self, pictures: int) -> None:
        self.member.warm_up(pictures)

    def facts(self) -> Mapping[str, Any]:
        return self.member.facts()


@dataclass(frozen=True)
class _Counselor:
    member: Replier
    tell: Tell
    name: str

    def reply(self, requests: Sequence[CounselorRequest]) -> Sequence[Reply | Exception]:
        self.tell(f"{self.name} replies")
        return self.member.reply(requests)

    def warm_up(self, sessions: int) -> None:
        self.member.warm_up(sessions)

    def facts(self) -> Mapping[str, Any]:
        return self.member.facts()
