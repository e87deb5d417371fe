"""The trust of a client that does not give in: it opens slowly, and closes again, by a rule per kind of resistance.

An alternative to the openness of `mirror.clients.openness`, from whose reading of a reply it starts. The numbers are in
`trust.yaml`. They are declared, not estimated from real clients.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from mirror.clients.openness import FULL, OPEN, START, WAVERING, Openness, openness_by_turn, react
from mirror.files.text_file import read_text
from mirror.files.yaml_file import strict_yaml
from mirror.transcripts.turn import Turn

DATA = Path(__file__).with_suffix(".yaml")
TrustRule = Literal["published", "persistent"]
KEPT = 0.75  # of what a session changed, with which the next one begins


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


def trust_by_turn(
    resistance: str, turns: Sequence[Turn], rule: TrustRule, earlier: Sequence[Sequence[Turn]] = ()
) -> Iterator[Openness]:
    """Yields the trust at the start and after each turn; it depends on the resistance and the turns alone.

    Args:
        resistance: of the client.
        turns: of the session.
        rule: `published`: the openness as in `mirror.clients.openness`; `persistent`: by `trust.yaml`.
        earlier: the turns of each earlier session that the client remembers.
    """
    yield from _from(first_trust(resistance, rule, earlier), resistance, turns, rule)


def trust_after(
    resistance: str, turns: Sequence[Turn], rule: TrustRule, earlier: Sequence[Sequence[Turn]] = ()
) -> Openness:
    """Returns the trust after all turns."""
    *_, trust = trust_by_turn(resistance, turns, rule, earlier)
    return trust


def first_trust(resistance: str, rule: TrustRule, earlier: Sequence[Sequence[Turn]] = ()) -> int:
    """Returns the trust with which a session begins, in hundredths.

    A first session begins with the trust of the resistance. A later one begins with that, and three quarters (`KEPT`)
    of the distance to which the session before took it, to the nearest hundredth (to the even one of two): trust and
    distrust both last, and fade in the time between. Nothing but the trust is taken over: a reply of an earlier session
    may be given again, and no setback is open. A turn that ends a session has no reply, and changes nothing.
    """
    usual = START[resistance] if rule == "published" else steps(resistance).start
    points = usual
    for turns in earlier:
        *_, end = _from(points, resistance, [turn for turn in turns if not turn.ended], rule)
        points = usual + round(KEPT * (end.points - usual))
    return points


def _from(start: int, resistance: str, turns: Sequence[Turn], rule: TrustRule) -> Iterator[Openness]:
    if rule == "published":
        return openness_by_turn(resistance, turns, start)
    return _persistent(steps(resistance), turns, start)


def _persistent(rule: Steps, turns: Sequence[Turn], start: int) -> Iterator[Openness]:
    points, is_setback = start, False
    yield Openness(points)
    for place, turn in enumerate(turns):
        reaction = react(turn.reply, turn.cue, turn.words, [one.reply for one in turns[:place]], points >= OPEN)
        change = rule.change(reaction.kind, points, is_setback)
        points, is_setback = min(FULL, max(0, points + change)), change < 0
        yield Openness(points, reaction)
