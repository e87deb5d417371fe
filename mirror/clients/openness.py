"""The openness of a scripted client, from 0 to 1, and the effect of each of the counselor's replies on it.

A reply raises the openness if it names the feeling that the client's cue shows (by the lexicon), or if it repeats the
client's words and asks an open question. It lowers the openness if it does neither, and more if it is empty, repeats an
earlier reply, or gives advice to a client who is not open yet. The step sizes guarantee that a counselor who names the
feeling in every reply completes the session in fewer exchanges than one who never does.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from mirror.clients.lexicon import Reading, lexicon, stem
from mirror.transcripts.turn import Turn

Stage = Literal["closed", "wavering", "open"]
Kind = Literal["named", "reflected", "ignored", "advised", "repeated", "empty"]

# In hundredths, so that sums are exact integers.
START = {"emotional": 30, "cognitive": 35, "behavioral": 30, "none": 50}
NAMED, REFLECTED, IGNORED, FAULT = 20, 10, -3, -5
WAVERING, OPEN, FULL = 45, 75, 100
SHARED = 2  # content words of the client's that a reply must repeat to reflect them

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_STOP_WORDS = frozenset(
    "about after again already always also because been before being both cannot can't come could didn't does doesn't "
    "don't down each even ever every from give goes going have haven't having here how i'll i'm into isn't it's just "
    "know like look make many maybe mean more most much must need never nothing only other over perhaps really same "
    "said says seem should some something still such take talk tell than thank that that's their them then there these "
    "they thing think this those time today very want wasn't well were what when where which while will with without "
    "won't would yes you you're your yourself".split()
)
_ASKING = r"\b(?:what|how|which|where|when|who|why)\b"
# Matches from the last question word to the question mark; matching from each of them would take quadratic time.
_OPEN_QUESTION = re.compile(rf"{_ASKING}(?:(?!{_ASKING})[^.!?])*+\?|\btell me\b", re.IGNORECASE)
_ADVICE = re.compile(
    r"\byou (?:should|must(?! (?:be|feel|have)\b)|ought to|could|need to|had better)\b"
    r"|\bwhy (?:don't you|not)\b|\bhave you tried\b|\bmy advice\b|\bif i were you\b"
    r"|\b(?:i|i'd|i would) (?:suggest|advise|recommend)\b"
    r"|(?:^|[.!?]\s+)(?:just|try|stop|start|do|don't)\b[^?]*(?:[.!]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Reaction:
    """A client's reaction to one reply.

    Attributes:
        kind: The most important property of the reply.
        points: The change of openness in hundredths.
        feeling: The feeling that the reply names; empty if it names none that the cue shows.
    """

    kind: Kind
    points: int
    feeling: str = ""


@dataclass(frozen=True)
class Openness:
    """A client's openness at one point of a session.

    Attributes:
        points: The openness in hundredths, from 0 to 100.
        reaction: The reaction to the last reply; None before the first one.
    """

    points: int
    reaction: Reaction | None = None

    @property
    def value(self) -> float:
        """From 0 (the client leaves) to 1 (the client has reached what they came for)."""
        return self.points / FULL

    @property
    def stage(self) -> Stage:
        """The stage, which selects the client's lines."""
        return "closed" if self.points < WAVERING else "wavering" if self.points < OPEN else "open"

    @property
    def is_complete(self) -> bool:
        """Whether the client ends the session satisfied."""
        return self.points >= FULL

    @property
    def is_lost(self) -> bool:
        """Whether the client ends the session by leaving."""
        return self.points <= 0


def openness_by_turn(resistance: str, turns: Sequence[Turn], start: int | None = None) -> Iterator[Openness]:
    """Yields the openness at the start and after each turn; it depends on the resistance and the turns alone.

    Args:
        resistance: Of the client.
        turns: Of the session.
        start: With which the session begins, in hundredths; None: that of the resistance.
    """
    openness = Openness(START[resistance] if start is None else start)
    yield openness
    for place, turn in enumerate(turns):
        is_open = openness.points >= OPEN
        reaction = react(turn.reply, turn.cue, turn.words, [t.reply for t in turns[:place]], is_open)
        openness = Openness(min(FULL, max(0, openness.points + reaction.points)), reaction)
        yield openness


def openness_after(resistance: str, turns: Sequence[Turn]) -> Openness:
    """Returns the openness after all turns."""
    *_, openness = openness_by_turn(resistance, turns)
    return openness


def react(reply: str, cue: str, words: str, earlier: Sequence[str], is_open: bool = False) -> Reaction:
    """Computes a client's reaction to a reply.

    Naming the feeling counts 20 hundredths, reflecting 10, neither -3; a fault counts -5, and replaces the -3.

    Args:
        reply: The counselor's reply.
        cue: The client's cue before it.
        words: The client's words before it.
        earlier: The counselor's earlier replies.
        is_open: Whether the client accepts advice.
    """
    said = _WORD.findall(_plain(reply))
    feeling = named_feeling(reply, cue)
    reflects = reflects_words(reply, words)
    warmth = NAMED * bool(feeling) + REFLECTED * reflects
    fault: Kind | None = None
    if not said:
        fault = "empty"
    elif any(said == _WORD.findall(_plain(other)) for other in earlier):
        fault = "repeated"
    elif not is_open and _ADVICE.search(_plain(reply)):
        fault = "advised"
    kind: Kind = "named" if feeling else fault or ("reflected" if reflects else "ignored")
    points = warmth + FAULT if fault else warmth or IGNORED
    return Reaction(kind, points, feeling)


@lru_cache(maxsize=4096)  # the openness is computed from the first turn in every turn
def named_feeling(reply: str, cue: str) -> str:
    """Returns the first feeling of the cue that the reply names; negated feelings do not count. Empty if none."""
    spoken = {reading.name for reading in _readings(reply) if not reading.negated}
    return next((r.name for r in _readings(cue) if not r.negated and r.name in spoken), "")


@lru_cache(maxsize=4096)
def _readings(text: str) -> tuple[Reading, ...]:
    return lexicon().read(text)


def reflects_words(reply: str, words: str) -> bool:
    """Returns whether the reply repeats content words of the client's and asks an open question."""
    shared = _content(reply) & _content(words)
    return len(shared) >= SHARED and _OPEN_QUESTION.search(reply) is not None


def _content(text: str) -> set[str]:
    return {stem(word) for word in _WORD.findall(_plain(text)) if len(word) > 3 and word not in _STOP_WORDS}


def _plain(text: str) -> str:
    return text.lower().replace("’", "'")
