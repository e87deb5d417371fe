"""How open a scripted client is, from 0 to 1, and what each of the counselor's replies does to it.

A reply warms the client where it names the feeling that the client's cue shows (by the lexicon's words), or takes up
the client's own words and asks an open question. It hardens the client where it does neither, and more where it says
nothing, repeats itself, or gives advice to a client who is not open yet. The steps are such that a counselor who names
the feeling in each reply always brings the session to its end in fewer exchanges than one who never does.
Knows nothing of what a client says.
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

# In hundredths, so that sums are exact.
START = {"emotional": 30, "cognitive": 35, "behavioral": 30, "none": 50}
NAMED, REFLECTED, IGNORED, FAULT = 20, 10, -3, -5
WAVERING, OPEN, FULL = 45, 75, 100
SHARED = 2  # words of the client's that a reply must take up to reflect them

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
# From the last of these words to the question mark: from each of them, the time would grow with the square.
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
    """What a client makes of one reply.

    Attributes:
        kind: what stands out in it.
        points: by how many hundredths it opens the client (below 0: closes).
        feeling: the name of the feeling that the reply has named, empty if it named none that shows.
    """

    kind: Kind
    points: int
    feeling: str = ""


@dataclass(frozen=True)
class Mood:
    """A client's openness in hundredths, and the reaction to the last reply; None before the first."""

    points: int
    reaction: Reaction | None = None

    @property
    def openness(self) -> float:
        """From 0 (the client leaves) to 1 (the client has what they came for)."""
        return self.points / FULL

    @property
    def stage(self) -> Stage:
        return "closed" if self.points < WAVERING else "wavering" if self.points < OPEN else "open"

    @property
    def is_reached(self) -> bool:
        return self.points >= FULL

    @property
    def is_lost(self) -> bool:
        return self.points <= 0


def moods(resistance: str, turns: Sequence[Turn]) -> Iterator[Mood]:
    """The mood at the start, then after each turn: nothing but the start and the replies decides it."""
    mood = Mood(START[resistance])
    yield mood
    for place, turn in enumerate(turns):
        reaction = react(turn.reply, turn.cue, turn.words, [t.reply for t in turns[:place]], mood.points >= OPEN)
        mood = Mood(min(FULL, max(0, mood.points + reaction.points)), reaction)
        yield mood


def mood_after(resistance: str, turns: Sequence[Turn]) -> Mood:
    """The mood that the dialogue so far has left."""
    *_, mood = moods(resistance, turns)
    return mood


def react(reply: str, cue: str, words: str, earlier: Sequence[str], is_open: bool = False) -> Reaction:
    """What a client who has shown `cue` and said `words` makes of `reply`, after the replies `earlier`.

    Naming the feeling counts 20, reflecting 10, neither -3; of a fault -5, in the place of the -3.
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


@lru_cache(maxsize=4096)  # a mood is worked out from its start in every turn
def named_feeling(reply: str, cue: str) -> str:
    """The first feeling of the cue that the reply speaks of; a feeling that either denies does not count."""
    spoken = {reading.name for reading in _readings(reply) if not reading.negated}
    return next((r.name for r in _readings(cue) if not r.negated and r.name in spoken), "")


@lru_cache(maxsize=4096)
def _readings(text: str) -> tuple[Reading, ...]:
    return lexicon().read(text)


def reflects_words(reply: str, words: str) -> bool:
    """Whether the reply takes up words of the client's and asks an open question."""
    shared = _content(reply) & _content(words)
    return len(shared) >= SHARED and _OPEN_QUESTION.search(reply) is not None


def _content(text: str) -> set[str]:
    return {stem(word) for word in _WORD.findall(_plain(text)) if len(word) > 3 and word not in _STOP_WORDS}


def _plain(text: str) -> str:
    return text.lower().replace("’", "'")
