"""The measures of a session: what is counted from transcripts, in which unit and range, and what is good for a client.

Knows nothing of how a measure is computed (`mirror.analysis.metrics`).
"""

from dataclasses import dataclass
from typing import Literal

from mirror.statistics import UNBOUNDED, Bounds

Unit = Literal["share", "points", "cosine", "words", "score", "number"]
INF = float("inf")
ARROWS = {"higher": " ↑", "lower": " ↓", "": ""}  # behind a label: the direction that is good
BOUNDS: dict[Unit, Bounds] = {  # the lowest and the highest value that a measure of this unit can have
    "share": (0, 1),
    "points": (-1, 1),
    "cosine": (-1, 1),
    "words": (0, INF),
    "score": UNBOUNDED,
    "number": (0, INF),
}


@dataclass(frozen=True)
class Measure:
    """One number per session.

    Attributes:
        key: a column of `Metrics.sessions`, or of the ratings.
        label: what it is, for a table.
        better: the direction that is good for the client; empty for what is neither good nor bad.
        range: the lowest and the highest value that a session can have; None: that of the unit.
    """

    key: str
    label: str
    unit: Unit
    better: Literal["higher", "lower", ""] = ""
    range: Bounds | None = None

    @property
    def bounds(self) -> Bounds:
        return BOUNDS[self.unit] if self.range is None else self.range


OUTCOMES = (
    Measure("names", "replies that name the feeling shown", "share", "higher"),
    Measure("reflects", "replies that take up the client's words in an open question", "share", "higher"),
    Measure("repeats", "replies given before in the session", "share", "lower"),
    Measure("resistant", "client turns that show resistance", "share", "lower"),
    Measure("resistance_change", "change of resistance from first to second half", "points", "lower"),
    Measure("openness", "scripted client's openness at the end", "share", "higher"),
)
DESCRIPTIVE = (
    Measure("turns", "turns", "number", range=(1, INF)),
    Measure("ended_by_client", "sessions that the client ended", "share"),
    Measure("accepted_first", "faces accepted at the first attempt", "share"),
    Measure("accepted", "faces accepted at all", "share"),
    Measure("attempts", "attempts per face", "number", range=(1, INF)),
    Measure("relevance", "similarity of face and cue", "cosine"),
    Measure("identity", "similarity of face and portrait", "cosine"),
    Measure("caption_agrees", "captions that name a feeling of the cue", "share"),
    Measure("reply_words", "words per reply", "words"),
    Measure("questions", "question marks per reply", "number"),
    Measure("repetition", "four-word sequences used before in the session", "share"),
    Measure("distinct_1", "distinct-1 of all replies", "share"),
    Measure("distinct_2", "distinct-2 of all replies", "share"),
    Measure("techniques", "CBT techniques per session", "number"),
    Measure("tokens", "tokens per session, as far as counted", "number"),
    *(
        Measure(f"tokens_{role}", f"tokens per session, {role}", "number")
        for role in ("client", "describer", "counselor")
    ),
    Measure("seconds", "seconds per session", "number"),
    *(
        Measure(f"seconds_{stage}", f"seconds per session, {stage}", "number")
        for stage in ("client", "description", "face", "counselor")
    ),
)
