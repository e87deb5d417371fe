"""The progress bar of a run of sessions."""

from collections import Counter
from typing import Any

from tqdm import tqdm

from mirror.counseling.settings import CounselSettings
from mirror.counseling.spending.spent import dollars, priced_roles
from mirror.counseling.turn import Taken
from mirror.tracking import Tracker
from mirror.transcripts.turn import Turn


class Progress:
    """Advances a progress bar with every turn: sessions ended, faces accepted, tokens, dollars.

    Faces, tokens and dollars count the turns that this process has taken; `summarize` counts the whole run.
    A session that ends early shortens the bar, so that the time left is an upper bound.
    """

    def __init__(
        self,
        bar: "tqdm[Any]",
        settings: CounselSettings,
        sessions: int,
        ended: int,
        tracker: Tracker | None = None,
        before: "Progress | None" = None,
    ) -> None:
        """Starts at the bar's count.

        Args:
            bar: counts turns.
            settings: of the run.
            sessions: number of sessions.
            ended: number of sessions that have ended before the start.
            tracker: gets the numbers of each turn: sessions that have ended, whether the face was accepted, attempts at
                it, tokens, dollars. Its steps are turns, those before the start included.
            before: of the same run in the same process, such as that of its first session: its faces and tokens count.
        """
        self.bar, self.max_turns, self.sessions, self.ended = bar, settings.max_turns, sessions, ended
        self.prices, self.tracker, self.turns = priced_roles(settings), tracker, int(bar.n)
        self.faces: int = before.faces if before else 0
        self.accepted: int = before.accepted if before else 0
        self.tokens: Counter[str] = Counter(before.tokens if before else {})

    def count(self, taken: Taken) -> None:
        """Adds one turn."""
        turn = taken.turn
        if turn.ended and self.bar.total is not None:
            self.bar.total -= self.max_turns - turn.number
        self.ended += turn.ended or taken.is_last or turn.number == self.max_turns
        if turn.face and turn.face.is_painted:
            self.faces += 1
            self.accepted += not turn.face.exhausted
        self.tokens.update(turn.tokens)
        parts = [f"{self.ended} of {self.sessions} sessions"]
        parts += [f"{self.accepted} of {self.faces} faces accepted"] if self.faces else []
        parts += [f"{self.tokens.total():,} tokens"] if self.tokens else []
        parts += [f"${dollars(self.prices, self.tokens):.4f}"] if self.prices else []
        self.bar.set_postfix_str(", ".join(parts), refresh=False)
        self.bar.update()
        self.turns += 1
        if self.tracker:
            self.tracker.log(self.turns, self._numbers(turn))

    def _numbers(self, turn: Turn) -> dict[str, float]:
        numbers: dict[str, float] = {"sessions": self.ended}
        if turn.face and turn.face.is_painted:
            numbers |= {"accepted": int(not turn.face.exhausted), "attempts": len(turn.face.attempts)}
        if turn.tokens:
            numbers["tokens"] = sum(turn.tokens.values())
        return numbers | ({"dollars": dollars(self.prices, turn.tokens)} if self.prices else {})
