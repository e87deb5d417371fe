"""Parses the text of a screenplay into the lines of both speakers; every odd line is a fault with a name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mirror.building.screenplays.screenplay import Line, Speaker
from mirror.prompts import SPEAKERS, parse_utterance

OnSameSpeaker = Literal["merge", "drop"]

BLANK = " \t\ufeff\u200b"  # also what no one sees: a byte order mark, and a space of no width
_ROLES: tuple[Speaker, ...] = ("therapist", "client")
_NAMES = "|".join(f"(?P<{role}>{SPEAKERS[role]})" for role in _ROLES)
_MARK = r"(?:\*{1,3}|_{1,3})?"
_LABEL = re.compile(rf"[ \t]*{_MARK}[ \t]*(?:{_NAMES})[ \t]*{_MARK}[ \t]*[:：]{_MARK}", re.IGNORECASE)
# Up to three capitalized words and a colon: `Narrator:`, `Client's Mother:`.
_OTHER_LABEL = re.compile(r"[\W_]{0,4}([A-Z][\w.'’-]{0,30}(?: [\w.'’-]{1,30}){0,2})[ \t*_]{0,4}[:：]")
_LABEL_WITHIN = re.compile(rf"\b(?:{'|'.join(SPEAKERS[role] for role in _ROLES)})(?:\*\*|__)?[ \t]?[:：]")
_END_ALONE = re.compile(r"[\s*_]*\[\s*/?\s*END\s*\][\s*_]*", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n|\r|\n")
# The lines as they should be, which are nearly all: read by one pattern, with the same result as by `parse_utterance`.
_PLAIN = re.compile(
    r"(?:(?P<therapist>Therapist)|Client): (?:\[(?P<direction>[A-Za-z][\w ,.;’-]*)\] ?)?"
    r"(?P<words>[A-Za-z][^\[\]:：*\n\ufeff\u200b]*)?"
)


@dataclass(frozen=True)
class LineFault:
    """A fault of one line of text.

    Attributes:
        reason: `odd_line`, `third_speaker`, `same_speaker_twice` or `empty_line`.
        position: of the line among those that are not blank, from 0: its position in a screenplay without faults.
        detail: the number of the line in the text, from 1, and what was found, as a sentence.
    """

    reason: str
    position: int
    detail: str


class ScreenplayError(ValueError):
    """A text that is no screenplay. The message has one line per fault; `.faults` holds all faults in order."""

    def __init__(self, faults: Sequence[LineFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(fault.detail for fault in faults))


def parse_screenplay(text: str, on_same_speaker: OnSameSpeaker) -> tuple[Line, ...]:
    """Parse a screenplay: one line `Therapist: [stage direction] words` or `Client: …` per utterance.

    The labels may have any spelling of `mirror.prompts.SPEAKERS`, any case, bold marks and a wide colon; brackets are
    read as by `mirror.prompts.parse_utterance`. Blank lines are skipped, and `[/END]` ends the screenplay.

    Args:
        text: the screenplay; an empty one has no lines.
        on_same_speaker: whether several lines of one speaker in a row are merged (words joined by a space, directions
            by a comma) or a fault.

    Raises:
        ScreenplayError: a line without a label, with the label of a third speaker or with two utterances, or after the
            end; an utterance without direction and words; two lines of one speaker (`drop`). Holds all faults.
    """
    lines: list[Line] = []
    faults: list[LineFault] = []
    ended = False
    for position, (number, row) in enumerate(_rows(text)):
        if ended:
            faults.append(LineFault("odd_line", position, f"line {number} stands after [/END]: {row[:80]!r}"))
            continue
        if plain := _plain(row):
            line: Line | LineFault | None = plain
        else:
            line, ended = _read(row, position, number)
        if isinstance(line, Line) and lines and lines[-1].speaker == line.speaker:
            if on_same_speaker == "merge":
                lines[-1] = _merged(lines[-1], line)
                continue
            detail = f"line {number}: the {line.speaker} speaks twice in a row: {row[:80]!r}"
            faults.append(LineFault("same_speaker_twice", position, detail))
        if isinstance(line, LineFault):
            faults.append(line)
        elif line:
            lines.append(line)
    if faults:
        raise ScreenplayError(faults)
    return tuple(lines)


def format_screenplay(lines: Sequence[Line]) -> str:
    """Format lines as text, one each; `parse_screenplay` restores lines that it has read."""
    return "\n".join(
        " ".join(filter(None, [f"{line.speaker.title()}:", f"[{line.direction}]" * bool(line.direction), line.words]))
        for line in lines
    )


def _rows(text: str) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line that is not blank."""
    for number, row in enumerate(_LINE_END.split(text), 1):
        if bare := row.strip(BLANK):
            yield number, bare


def _plain(row: str) -> Line | None:
    """Read a line without anything unusual; None for all others."""
    found = _PLAIN.fullmatch(row)
    if not found:
        return None
    direction, words = found["direction"] or "", found["words"] or ""
    if not (direction or words) or direction.upper() == "END":
        return None
    if direction != " ".join(direction.split()) or words != " ".join(words.split()):
        return None
    return Line("therapist" if found["therapist"] else "client", direction, words)


def _read(row: str, position: int, number: int) -> tuple[Line | LineFault | None, bool]:
    """Read one line of text: its utterance (None for `[/END]` alone) or its fault, and whether it ends the session."""
    label = _LABEL.match(row)
    if not label:
        if _END_ALONE.fullmatch(row):
            return None, True
        if other := _OTHER_LABEL.match(row):
            detail = f"line {number}: {other[1]!r} speaks, who is neither therapist nor client: {row[:80]!r}"
            return LineFault("third_speaker", position, detail), False
        detail = f"line {number} begins with neither 'Therapist:' nor 'Client:': {row[:80]!r}"
        return LineFault("odd_line", position, detail), False
    speaker: Speaker = "therapist" if label["therapist"] else "client"
    utterance = parse_utterance(row[label.end() :], speaker)
    if within := _LABEL_WITHIN.search(f"{utterance.cue}\n{utterance.words}"):
        detail = f"line {number} holds a second utterance, after {within[0]!r}: {row[:80]!r}"
        return LineFault("odd_line", position, detail), utterance.ended
    direction, words = utterance.cue.strip(BLANK), utterance.words.strip(BLANK)
    if direction or words:
        return Line(speaker, direction, words), utterance.ended
    if utterance.ended:
        return None, True
    return LineFault(
        "empty_line", position, f"line {number}: the {speaker} neither speaks nor acts: {row!r:.80}"
    ), False


def _merged(first: Line, second: Line) -> Line:
    directions = filter(None, [first.direction, second.direction])
    return Line(first.speaker, ", ".join(directions), " ".join(filter(None, [first.words, second.words])))
