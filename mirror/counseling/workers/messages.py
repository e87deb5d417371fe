"""What a worker and the process that keeps the sessions say to each other. Pictures travel as PNG files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mirror.counseling.outcome import Failure
from mirror.counseling.turn import Taken
from mirror.transcripts.profile import Profile
from mirror.transcripts.turn import Memory, Turn


@dataclass(frozen=True)
class Given:
    """A session that a worker is to go on with.

    Attributes:
        profile: the client; portraits are relative to the parameter `portraits`.
        turns: so far.
        session: its number.
        memory: of the client's earlier ones.
    """

    profile: Profile
    turns: tuple[Turn, ...]
    session: int = 1
    memory: Memory = Memory()


@dataclass(frozen=True)
class Orders:
    """The answer to a hand-in; without sessions, the wave ends.

    Attributes:
        wave: its number, from 0.
        going_on: the clients whose sessions go on.
        new: sessions that join them.
    """

    wave: int
    going_on: tuple[str, ...] = ()
    new: tuple[Given, ...] = ()


@dataclass(frozen=True)
class HandIn:
    """A turn that a wave has taken, which waits for orders.

    Attributes:
        wave: its number, from 0.
        clients: of the wave's sessions.
        results: the turn of each session, or why there is none.
        seconds: the time of each stage, per session.
        room: the number of sessions that may take the next turn together.
    """

    wave: int
    clients: tuple[str, ...]
    results: tuple[Taken | Failure, ...]
    seconds: Mapping[str, float]
    room: int


@dataclass(frozen=True)
class Report:
    """What a worker has to say.

    Attributes:
        hand_ins: since the last report.
        has_ended: whether every wave has.
        left_out: the parameters that servers refuse, by role.
        warnings: that it has logged since the last report.
    """

    hand_ins: tuple[HandIn, ...]
    has_ended: bool
    left_out: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...]
