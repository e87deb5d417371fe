"""The trust of a client that does not give in: it opens slowly, and closes again, by a rule per kind of resistance.

An alternative to the openness of `mirror.clients.openness`, from whose reading of a reply it starts. The numbers are in
`trust.yaml`. They are declared, not estimated from real clients.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mirror.clients.openness import FULL, OPEN, WAVERING, Openness, openness_by_turn, react
from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml
from mirror.transcripts.turn import Turn

DATA = Path(__file__).with_suffix(".yaml")
TrustRule = Literal["published", "persistent"]


@dataclass(frozen=True)
class Steps:
    """The rule of one kind of resistance, in hundredths.

    Attributes:
        start: before the first reply.
        gains: by kind of reply.
        losses: by kind of reply, as positive numbers.
        setback: what a gain after a loss is multiplied by.
        exposed: what a loss is multiplied by once the client has begun to open.
    """

    start: int
    gains: Mapping[str, int]
    losses: Mapping[str, int]
    setback: float
    exposed: float

    def change(self, kind: str, points: int, is_setback: bool) -> int:
        """The change of trust by a reply.

        Args:
            kind: of the reply, see `mirror.clients.openness.Reaction`.
            points: the trust before it.
            is_setback: whether the reply before it took trust away.
        """
        if kind in self.gains:
            return round(self.gains[kind] * (self.setback if is_setback else 1))
        return -round(self.losses[kind] * (self.exposed if points >= WAVERING else 1))


@cache
def steps(resistance: str) -> Steps:
    """The rule of a kind of resistance, read from `trust.yaml`."""
    table: dict[str, Any] = strict_yaml(read_text(DATA))
    return Steps(**table["by_resistance"][resistance], setback=table["setback"], exposed=table["exposed"])


def trust_by_turn(resistance: str, turns: Sequence[Turn], rule: TrustRule) -> Iterator[Openness]:
    """Yields the trust at the start and after each turn; it depends on the resistance and the turns alone.

    Args:
        resistance: of the client.
        turns: of the session.
        rule: `published`: the openness as in `mirror.clients.openness`; `persistent`: by `trust.yaml`.
    """
    yield from openness_by_turn(resistance, turns) if rule == "published" else _persistent(steps(resistance), turns)


def trust_after(resistance: str, turns: Sequence[Turn], rule: TrustRule) -> Openness:
    """Returns the trust after all turns."""
    *_, trust = trust_by_turn(resistance, turns, rule)
    return trust


def _persistent(rule: Steps, turns: Sequence[Turn]) -> Iterator[Openness]:
    points, is_setback = rule.start, False
    yield Openness(points)
    for place, turn in enumerate(turns):
        reaction = react(turn.reply, turn.cue, turn.words, [one.reply for one in turns[:place]], points >= OPEN)
        change = rule.change(reaction.kind, points, is_setback)
        points, is_setback = min(FULL, max(0, points + change)), change < 0
        yield Openness(points, reaction)
