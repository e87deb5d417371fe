"""Which worker has which sessions. Starts no worker and writes no file."""

from mirror.counseling.session import Register, Session
from mirror.workers.assignments import Assignments


class SessionAssignments(Assignments[str, Session]):
    """Sessions of a register in the hands of workers."""

    def __init__(self, register: Register) -> None:
        """Begins with nothing given."""
        super().__init__(register.waiting, _client, _told)
        self.register = register

    @property
    def are_done(self) -> bool:
        """Whether no session is under way and none can begin."""
        return not any(self.held.values()) and (not self.waiting or bool(self.register.budget.used_up))

    def give(self, worker: int, number: int) -> list[Session]:
        """As of `Assignments`; the sessions begin. None if the budget is used up."""
        if self.register.budget.used_up:
            return []
        return self.register.begin(super().give(worker, number))


def _client(session: Session) -> str:
    return session.conversation.profile.idx


def _told(session: Session) -> str:
    return f"session {_client(session)} (turn {session.conversation.number})"
