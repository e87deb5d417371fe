"""Which worker has which sessions, and in whose hands workers died. Starts no worker and writes no file."""

from collections import Counter, defaultdict
from collections.abc import Iterable

from mirror.counseling.session import Register, Session

MOST_DEATHS = 3  # in a row with the same session, without a turn between


class WorkersDie(RuntimeError):
    """Workers died one after another; the message names the session and the last error, and says how to go on."""


class Assignments:
    """Sessions of a register in the hands of workers.

    A session whose workers died twice in a row is given to a worker that has no other, so that a session is never
    blamed for the deaths that another one causes.
    """

    def __init__(self, register: Register) -> None:
        """Begins with nothing given."""
        self.register = register
        self.held: defaultdict[int, dict[str, Session]] = defaultdict(dict)  # by worker and client
        self.deaths: Counter[str] = Counter()  # by client, since the last turn of its session

    @property
    def are_done(self) -> bool:
        """Whether no session is under way and none can begin."""
        return not any(self.held.values()) and (not self.register.waiting or bool(self.register.budget.used_up))

    def give(self, worker: int, number: int) -> list[Session]:
        """Gives a worker up to so many sessions; none if there is none for it, or the budget is used up."""
        if self.register.budget.used_up or any(map(self._is_suspect, self.held[worker])):
            return []
        found: list[Session] = []
        for session in self.register.waiting:
            if self._is_suspect(_client(session)):
                if found or self.held[worker]:
                    continue
                found = [session]
                break
            if len(found) == number:
                break
            found.append(session)
        for session in found:
            self.register.waiting.remove(session)
            session.begin()
            self.held[worker][_client(session)] = session
        return found

    def _is_suspect(self, idx: str) -> bool:
        return self.deaths[idx] >= MOST_DEATHS - 1

    def take_back(self, worker: int, clients: Iterable[str]) -> list[Session]:
        """The sessions of a worker that have taken a turn; they are not in its hands until they are given again."""
        sessions = [self.held[worker].pop(idx) for idx in clients]
        for session in sessions:
            del self.deaths[_client(session)]
        return sessions

    def keep(self, worker: int, sessions: Iterable[Session]) -> None:
        """Leaves sessions in the hands of a worker for another turn."""
        self.held[worker] |= {_client(session): session for session in sessions}

    def died(self, worker: int, reason: str) -> None:
        """Takes all sessions from a worker that died; they come next.

        Raises:
            WorkersDie: it was the third in a row with one of them.
        """
        sessions = list(self.held.pop(worker, {}).values())
        self.deaths.update(map(_client, sessions))
        if blamed := [session for session in sessions if self.deaths[_client(session)] >= MOST_DEATHS]:
            named = ", ".join(f"{_client(session)} (turn {session.conversation.number})" for session in blamed)
            raise WorkersDie(
                f"{MOST_DEATHS} workers died one after another in session {named}; all turns before are on disk. The "
                f"last one:\n{reason}\nRemove the cause, or take this client out of the table, and start the same run "
                "again"
            )
        self.register.waiting.extendleft(reversed(sessions))


def _client(session: Session) -> str:
    return session.conversation.profile.idx
