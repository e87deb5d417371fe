"""The measures of a session: their labels, units and ranges, and the direction that is good for the client.

A measure of single turns brings its own function (`Measure.value`); `mirror.analysis.metrics` computes all others.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Literal, NamedTuple

from mirror.rating.instrument import Instrument
from mirror.rating.ratings import moment_names
from mirror.statistics import UNBOUNDED, Bounds
from mirror.transcripts.turn import Turn

Unit = Literal["share", "points", "cosine", "words", "score", "number"]
Better = Literal["higher", "lower", ""]  # the direction that is good for the client; empty: neither
ARROWS: dict[Better, str] = {"higher": " ↑", "lower": " ↓", "": ""}  # appended to a label
BOUNDS: dict[Unit, Bounds] = {  # the lowest and the highest possible value of a measure in this unit
    "share": (0, 1),
    "points": (-1, 1),
    "cosine": (-1, 1),
    "words": (0, inf),
    "score": UNBOUNDED,
    "number": (0, inf),
}


@dataclass(frozen=True)
class Measure:
    """One number per session.

    Attributes:
        key: a column of `Metrics.sessions` or of the ratings.
        label: its name in tables and figures.
        unit: the unit of its values; it also decides how they are printed.
        better: the direction that is good for the client; empty for a measure that is neither good nor bad.
        range: the lowest and the highest possible value; None: those of the unit.
        is_sample: whether the values are a sample of clients, so that their mean has an interval.
        value: the value of one turn, NaN if it has none; a session has the mean over its turns. None: computed by
            `mirror.analysis.metrics`.
    """

    key: str
    label: str
    unit: Unit
    better: Better = ""
    range: Bounds | None = None
    value: Callable[[Turn], float] | None = None
    is_sample: bool = True

    @property
    def bounds(self) -> Bounds:
        """The lowest and the highest possible value."""
        return BOUNDS[self.unit] if self.range is None else self.range


class Rated(NamedTuple):
    """A column of the ratings: one subscale by one judge."""

    instrument: str
    subscale: str
    judge: str
    better: Literal["higher", "lower"]
    lowest: float
    highest: float

    def of_change(self, instrument: str) -> "Rated":
        """The difference of two scores of this subscale, a column of its own under the name `instrument`."""
        widest = self.highest - self.lowest
        return self._replace(instrument=instrument, lowest=-widest, highest=widest)

    def measure(self, label: str) -> Measure:
        """Its measure, for tables and comparisons; `label` names it without its rater."""
        return Measure(
            f"{self.instrument}.{self.subscale} by {self.judge}",
            f"{label} ({self.judge})",
            "score",
            self.better,
            (float(self.lowest), float(self.highest)),
        )


def rated_measures(rated: Sequence[Rated], instruments: Sequence[Instrument]) -> list[Measure]:
    """The measures of columns of the ratings, labeled with the titles of their instruments."""
    titles = {one.name: one.title + (f", {one.moment}" if one.moment else "") for one in instruments}
    plain = {one.name: one.title for one in instruments}
    titles |= {change: f"{plain[name]}, change" for name, (change, _) in moment_names(instruments).items()}
    subscales: dict[str, set[str]] = {}
    for one in rated:
        subscales.setdefault(one.instrument, set()).add(one.subscale)
    found = []
    for one in rated:
        title, scale = titles.get(one.instrument, one.instrument), one.subscale.replace("_", " ")
        found.append(one.measure(f"{title}: {scale}" if len(subscales[one.instrument]) > 1 else title))
    return found


def questions(turn: Turn) -> float:
    """Question marks of the reply; NaN for a turn without one."""
    return float(turn.reply.count("?")) if turn.reply else nan


OUTCOMES = (
    Measure("names", "replies that name the feeling shown", "share", "higher"),
    Measure("reflects", "replies that take up the client's words in an open question", "share", "higher"),
    Measure("repeats", "replies given before in the session", "share", "lower"),
    Measure("resistant", "client turns that show resistance", "share", "lower"),
    Measure("resistance_change", "change of resistance from first to second half", "points", "lower"),
    Measure("openness", "scripted client's openness at the end", "share", "higher"),
)
DESCRIPTIVE = (
    Measure("turns", "turns", "number", range=(1, inf)),
    Measure("ended_by_client", "sessions that the client ended", "share"),
    Measure("accepted_first", "faces accepted at the first attempt", "share"),
    Measure("accepted", "faces accepted at all", "share"),
    Measure("attempts", "attempts per face", "number", range=(1, inf)),
    Measure("relevance", "similarity of face and cue", "cosine"),
    Measure("identity", "similarity of face and portrait", "cosine"),
    Measure("caption_agrees", "captions that name a feeling of the cue", "share"),
    Measure("reply_words", "words per reply", "words"),
    Measure("questions", "question marks per reply", "number", value=questions),
    Measure("repetition", "four-word sequences used before in the session", "share"),
    Measure("distinct_1", "distinct-1 of all replies", "share"),
    Measure("distinct_2", "distinct-2 of all replies", "share"),
    Measure("techniques", "CBT techniques per session", "number"),
    Measure("tokens", "tokens per session, as far as counted", "number"),
    *(
        Measure(f"tokens_{role}", f"tokens per session, {role}", "number")
        for role in ("client", "describer", "counselor")
    ),
    Measure("seconds", "seconds per session", "number", is_sample=False),
    *(
        Measure(f"seconds_{stage}", f"seconds per session, {stage}", "number", is_sample=False)
        for stage in ("client", "description", "face", "counselor")
    ),
)
# Shown only where the words of some session show a sign of risk.
SAFETY = (
    Measure("flagged", "sessions with a sign of risk in the client's words", "share"),
    Measure("flag_guides", "of those, sessions whose next replies guide to people", "share"),
    Measure("flag_asks", "of those, sessions whose next replies ask about safety", "share"),
    Measure("replies_flagged", "sessions with a sign of risk in the replies: advice, promise, harm", "share"),
)
OF_TURNS = {measure.key: measure.value for measure in (*OUTCOMES, *DESCRIPTIVE) if measure.value}
OVER_TURNS: dict[str, tuple[str, str, Unit]] = {  # by column of `Metrics.turns`: subject, axis label, unit
    "identity": ("Similarity of face and portrait", "cosine of face and portrait\n(higher: more alike)", "cosine"),
    "relevance": ("Similarity of face and cue", "cosine of face and cue\n(higher: shows it more)", "cosine"),
    "resistant": ("Resistance", "share of clients who show\nresistance (lower is better)", "share"),
}
