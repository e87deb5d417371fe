"""The prompt for descriptions of the client's facial expression and of a contrasting one; parsing of the answer."""

import re
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from mirror.prompts.utterance import Utterance, format_utterance

SHOWN = "Facial Expression Description"
CONTRAST = "Contrasting Facial Expression Description"
EXPRESSION_TEMPLATE = Path(__file__).with_name("description.txt")
NO_HISTORY = "(nothing yet: the session begins)"

# A label at the beginning of a line may have a number, a bullet or bold marks before it, and bold marks and a colon
# after it (headings have no colon). Within a line only the complete label counts, since prose mentions facial
# expressions too.
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
    """A facial expression and its contrast, each as visible features separated by commas.

    Attributes:
        shown: what the face shows.
        contrast: an expression that it must not show.
    """

    shown: str
    contrast: str


class MissingDescription(ValueError):
    """The answer lacks one or both of the two lines. The message says which, and shows the answer."""


def expression_prompt(history: str, utterance: Utterance) -> str:
    """Render the prompt that asks for the two descriptions.

    Args:
        history: the dialogue so far, as `format_dialogue` writes it; may be empty.
        utterance: the client's utterance to describe.
    """
    template = EXPRESSION_TEMPLATE.read_text(encoding="utf-8").removesuffix("\n")
    return template.format(history=history.strip() or NO_HISTORY, utterance=format_utterance(utterance))


def format_expression(expression: FacialExpression) -> str:
    """Format the two labeled lines; `parse_expression` restores them if neither is empty."""
    return f"{SHOWN}: {expression.shown}\n{CONTRAST}: {expression.contrast}"


def parse_expression(text: str) -> FacialExpression:
    """Parse the two descriptions from an answer; each becomes one line.

    Accepts common variations: bullets, numbers, bold marks, quotes, blank lines, any order and case, prose before and
    after, a value or a list (joined by commas) on the lines after its label, both descriptions on one line. If a label
    occurs twice, its first description is used.

    Raises:
        MissingDescription: a label is missing or has no description.
    """
    labels = list(_LABEL.finditer(text))
    found = {SHOWN: "", CONTRAST: ""}
    for label, following in zip_longest(labels, labels[1:]):
        end = following.start() if following else len(text)
        name = CONTRAST if label["contrast1"] or label["contrast2"] else SHOWN
        value = _description(text[label.end() : end])
        found[name] = found[name] or value
    if missing := [f"'{name}: …'" for name, value in found.items() if not value]:
        raise MissingDescription(f"the answer has no line {' and no line '.join(missing)}, found {text[:300]!r}")
    return FacialExpression(found[SHOWN], found[CONTRAST])


def _description(text: str) -> str:
    """Return the first line after a label, or all items of a list after it."""
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
