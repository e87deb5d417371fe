"""One rater's form, in no particular format: what is rated, by which items, in which order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from mirror.rating.forms.key import Part
from mirror.rating.forms.sessions import ShownTurn
from mirror.rating.instrument import Instrument
from mirror.rating.prompts import EXCERPT

RESEARCH = (
    "This form is part of a research study. The clients are simulated and their faces were painted by a computer; the "
    "replies come from different counselors, and you are not told from which. Some sessions may touch on distressing "
    "subjects. You can take a break at any time, and stop whenever you wish."
)


@dataclass(frozen=True)
class Form:
    """One rater's form.

    Attributes:
        id: tells this form from every other.
        rater: who fills it in.
        instrument: what is rated.
        instrument_sha256: the digest of the instrument with its wording.
        sessions: by code, in the rater's order: the rated parts, and the turns as they are shown.
    """

    id: str
    rater: str
    instrument: Instrument
    instrument_sha256: str
    sessions: dict[str, tuple[tuple[int | None, ...], list[ShownTurn]]]

    def parts(self) -> Iterator[tuple[Part, list[ShownTurn]]]:
        """Yields what is rated at once, in order, with the turns that the rater may see then.

        If a turn of the client is rated, these are the turns up to it, the last one without its reply.
        """
        for code, (numbers, turns) in self.sessions.items():
            for number in numbers:
                yield (code, number), turns if number is None else _until(turns, number)

    @property
    def legend(self) -> str:
        """What the texts of a session are, in a sentence or two."""
        cues = "Words in italics are what could be seen of the client." if self.instrument.sees.cues else ""
        return " ".join(filter(None, [cues, EXCERPT if self.instrument.moment else ""]))


def _until(turns: list[ShownTurn], number: int) -> list[ShownTurn]:
    seen = [turn for turn in turns if turn.number <= number]
    return [*seen[:-1], replace(seen[-1], reply="")]
