"""The prompt that asks for a client's facial expression and its contrast, and the two labelled lines of the answer.

Knows nothing of who answers, or of how a face is painted.
"""

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from mirror.prompts.utterance import Utterance, format_utterance

SHOWN = "Facial Expression Description"
CONTRAST = "Contrasting Facial Expression Description"
TEMPLATE = Path(__file__).with_name("description.txt")
NO_HISTORY = "(nothing yet: the session begins)"

# In front of a line's label may stand a number, a bullet, bold marks; behind it bold marks and a colon (a heading has
# none). Within a line (both descriptions on one) only the whole label counts: prose speaks of facial expressions, too.
_NAME = r"(?P<contrast{0}>contrast(?:ing)?\s+)?facial\s+expression(?:\s+descriptions?){1}"
_COLON = r"[ \t*_`\"']*(?::|：|[ \t][-–—][ \t]|$)[ \t*_`\"']*"
_LABEL = re.compile(
    rf"(?:^[^\w\n]*(?:\d+[.):][^\w\n]*)?{_NAME.format(1, '?')}|\b{_NAME.format(2, '')}){_COLON}",
    re.IGNORECASE | re.MULTILINE,
)
_BULLET = re.compile(r"\s*(?:[-*•–]|\d+[.)])\s+")
_EDGES = " \t*_`\"'“”,;{}"


@dataclass(frozen=True)
class FacialExpression:
    """What a face shows, and an expression that it must not show; visible features, separated by commas."""

    shown: str
    contrast: str


class MissingDescription(ValueError):
    """An answer lacks one of the two lines, or both. The message says which, and shows the answer."""


def expression_prompt(history: str, utterance: Utterance) -> str:
    """Asks for the two lines.

    Args:
        history: the dialogue so far, one `Therapist: …` or `Client: …` line an utterance; may be empty.
        utterance: what the client does and says now.
    """
    template = TEMPLATE.read_text(encoding="utf-8").removesuffix("\n")
    return template.format(history=history.strip() or NO_HISTORY, utterance=format_utterance(utterance))


def format_expression(expression: FacialExpression) -> str:
    """The two labelled lines; `parse_expression` reads them back, if neither is empty."""
    return f"{SHOWN}: {expression.shown}\n{CONTRAST}: {expression.contrast}"


def parse_expression(text: str) -> FacialExpression:
    """The two descriptions of an answer, each on one line.

    Tolerates what models write: bullets, numbers, bold marks, quotes, blank lines, another order or case, prose before
    and after, a value on the line below its label or as a list there (joined by commas), both lines in one. Where a
    label comes twice, its first description counts.

    Raises:
        MissingDescription: a line is not there, or has no description.
    """
    labels = list(_LABEL.finditer(text))
    found = {SHOWN: "", CONTRAST: ""}
    for label, following in zip_longest(labels, labels[1:]):
        end = following.start() if following else len(text)
        name = CONTRAST if label["contrast1"] or label["contrast2"] else SHOWN
        value = _description(text[label.end() : end])
        found[name] = found[name] or value
    if missing := [f"'{name}: …'" for name, value in found.items() if not value]:
        raise MissingDescription(f"the answer has no line {' and none '.join(missing)}, found {text[:300]!r}")
    return FacialExpression(found[SHOWN], found[CONTRAST])


def _description(text: str) -> str:
    """The first line of what follows a label, or all of a list that follows it."""
    lines = [line.strip() for line in text.splitlines()]
    if lines and lines[0].strip(_EDGES):
        return _clean(lines[0])
    items: list[str] = []
    for line in lines:
        bullet = _BULLET.match(line)
        if bullet:
            items.append(_clean(line[bullet.end() :]).rstrip(".,;"))
        elif line and not items:
            return _clean(line)
        elif line:
            break
    return ", ".join(filter(None, items))


def _clean(line: str) -> str:
    return " ".join(line.split()).strip(_EDGES)
