"""Who takes part in a session: the cast, and its five roles as protocols; and what the counselor sees of the face.

Describer, Painter and Verifier are protocols of `mirror.faces`, which uses them, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mirror.clients.client import ClientUtterance
from mirror.counseling.reply import CounselorRequest, Reply
from mirror.faces.description import Describer
from mirror.faces.rejection_sampling import Exhaustion, Painter
from mirror.faces.verification import Verifier
from mirror.faces.view import ShownView, View
from mirror.transcripts.turn import Conversation

ROLES = ("client", "describer", "painter", "verifier", "counselor")


class Client(Protocol):
    """Speaks as the client."""

    def speak(self, conversations: Sequence[Conversation]) -> Sequence[ClientUtterance | Exception]:
        """The next utterance in each conversation, in order; an exception in place of one that failed."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Models and settings, for the record of a run."""
        ...


class Replier(Protocol):
    """Replies as the counselor."""

    def reply(self, requests: Sequence[CounselorRequest]) -> Sequence[Reply | Exception]:
        """One reply per request, in order; an exception in place of one that failed."""
        ...

    def warm_up(self, sessions: int) -> None:
        """Compile what replies in up to so many sessions at a time will need; without it, that is done then."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Models, prompts and settings, for the record of a run."""
        ...


@dataclass(frozen=True)
class Cast:
    """Who takes part in every session, and how often a face is painted.

    Attributes:
        client: speaks.
        describer: describes the face that goes with the utterance.
        painter: paints it from the client's portrait.
        verifier: accepts or rejects what was painted.
        counselor: sees the face, or what `view` shows in its place, reads the words and replies.
        attempts: faces painted per turn at most, ≥ 1.
        on_exhaustion: what happens if no attempt is accepted: `keep_best` shows the best safe one, `stop` fails the
            session.
        ahead: attempts of a client that are painted at a time; 0: as the share accepted so far suggests. Changes the
            time taken, not the result.
        remote: the roles that wait for another machine, among client, describer and counselor: meanwhile this one can
            work for other sessions.
        view: what the counselor sees of the face.
        rotates: whether models take turns in this machine's memory, so that each wave of sessions would move weights.
    """

    client: Client
    describer: Describer
    painter: Painter
    verifier: Verifier
    counselor: Replier
    attempts: int = 10
    on_exhaustion: Exhaustion = "keep_best"
    ahead: int = 0
    remote: frozenset[str] = frozenset()
    view: View = field(default_factory=ShownView)
    rotates: bool = False

    def warm_up(self, sessions: int) -> None:
        """Compile on a GPU, with progress bars, what turns of up to so many sessions at a time will need."""
        self.describer.warm_up(sessions)
        self.painter.warm_up(sessions * self.ahead or self.painter.batch_sizes[-1])
        self.counselor.warm_up(sessions)

    def facts(self) -> dict[str, Any]:
        """What every member reports about itself, by role, and its class (`mirror.clients.client.ScriptedClient`)."""
        members = {role: getattr(self, role) for role in (*ROLES, "view")}
        return {role: {"class": _class_name(member), **member.facts()} for role, member in members.items()}


def changed_roles(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The roles whose member is another one now, by the facts of two casts: another class, or other digests.

    Devices, batch sizes and what a server refused may differ within a run, so other facts are not compared.
    """
    return [role for role in (*ROLES, "view") if role in before and _differ(before[role], now[role])]


def _differ(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    names = [name for name in before if name == "class" or name.endswith("sha256")]
    return any(before[name] != now.get(name) for name in names)


def left_out(cast: Cast, roles: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The parameters that servers refuse and that are no longer sent, by role among those behind endpoints."""
    facts = {role: getattr(cast, role).facts() for role in roles}
    if "counselor" in facts:
        facts["counselor"] = facts["counselor"]["counselor"]
    return {role: of_role.get("left_out", {}) for role, of_role in facts.items()}


def _class_name(member: object) -> str:
    return f"{type(member).__module__}.{type(member).__qualname__}"
