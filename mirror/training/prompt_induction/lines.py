"""The lines of one prompt, and the keys under which other prompts may share them."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from mirror.prompts import NOT_FOUND, SPEAKER_LABEL, TECHNIQUE_NAME, technique_span

ROLE_LINE = re.compile(rf"^{SPEAKER_LABEL}", re.MULTILINE)
_STEP = r"[*_(]*(?:step +)?{number}[.):][*_]*\s"
FIRST_STEP = re.compile(r"^[ \t]*" + _STEP.format(number="1"), re.IGNORECASE | re.MULTILINE)
_LABEL = re.compile(r"\s*([-*•–]\s+)?[^\s:][^:\n]{0,59}:\**(?=\s|$)")
STEP = re.compile(r"\s*" + _STEP.format(number=r"\d{1,2}"), re.IGNORECASE)
MASK = "\0"
_FIELD_LABELS = {  # field → pattern of its labels in snake case
    "personal_information": r"(?:client_)?(?:s_)?personal_info(?:rmation)?",
    "client_emotional_state": r"(?:client_)?(?:s_)?(?:current_)?emotional_state",
    "reason_for_counseling": r"(?:client_)?(?:s_)?reasons?_for_(?:seeking_)?(?:counsell?ing|therapy)",
    "technique": r"(?:\w+_)?techniques?",
    "plan": r"(?:\w+_)?plan(?:ning)?",
}


class Key(NamedTuple):
    """The part of a line that records may share.

    Attributes:
        sort: `line` for the whole line, `technique` for all but the technique names, `label` for its beginning.
        text: that part; technique names are replaced by `MASK`.
    """

    sort: str
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line that is not blank.

    Attributes:
        start: offset in the prompt, in characters.
        text: without the line feed.
        keys: the most specific first; none if the line certainly belongs to a field, such as an utterance.
        weak: a step of a plan, or text in a list of labels: constant only if nearly all records share it.
        opener: whether a value may begin here and continue on the following lines.
    """

    start: int
    text: str
    keys: tuple[Key, ...]
    weak: bool = False
    opener: bool = False

    def constant_end(self, key: Key) -> int:
        """Offset in the prompt after the key's part of the line."""
        return self.start + len(key.text if key.sort == "label" else self.text)


def is_bulleted(key: Key) -> bool:
    """Whether a key is of a line `- Label: …`."""
    label = _LABEL.match(key.text)
    return label is not None and label[1] is not None


def line_keys(text: str) -> tuple[Key, ...]:
    """All keys of a line, the most specific first; a value "Not found" is never part of a key."""
    label = _LABEL.match(text)
    value = text[label.end() if label else 0 :]
    keys = [Key("line", text)] if value.strip(" .").casefold() != NOT_FOUND else []
    spans = technique_spans(text)
    if spans:
        ends = [0, *(end for _, end in spans)]
        starts = [*(start for start, _ in spans), len(text)]
        keys.append(Key("technique", MASK.join(text[end:start] for end, start in zip(ends, starts, strict=True))))
    if label:
        keys.append(Key("label", label[0]))
    return tuple(keys)


def is_plan_label(text: str) -> bool:
    """Whether a line is the label of a plan that begins below it: `Counseling Plan:`, `- Counseling planning:`."""
    label = _LABEL.match(text)
    return label is not None and not text[label.end() :].strip() and label_words(text)[-1:] in (["plan"], ["planning"])


def label_words(label: str) -> list[str]:
    """The words of a label in lower case."""
    return re.findall(r"[^\W_]+", label.lower())


def label_field(label: str) -> str:
    """The field name of a label: a known field if the label names one, else the label in snake case."""
    name = "_".join(label_words(label))
    return next((field for field, pattern in _FIELD_LABELS.items() if re.fullmatch(pattern, name)), name)


def labelled_field(text: str) -> str:
    """The name of the field that a line contains or introduces, as `label_field`; empty without a label."""
    label = _LABEL.match(text)
    return label_field(label[0]) if label else ""


def technique_spans(text: str) -> list[tuple[int, int]]:
    """The (start, end) of technique names in a line: of one that is the whole value, or else of all within."""
    label = _LABEL.match(text)
    start = label.end() if label else 0
    alone = technique_span(text[start:])
    if alone:
        return [(start + alone[0], start + alone[1])]
    return [match.span() for match in TECHNIQUE_NAME.finditer(text)]


def read_lines(prompt: str) -> list[Line]:
    """The lines of a prompt that are not blank.

    All lines from the first utterance to the last belong to the dialogue. A bare `Therapist:` at the end of the prompt
    asks for an answer and is not an utterance. In a list of `- Label: …` lines, a line without a bullet continues the
    one above.
    """
    texts, start = [], 0
    for text in prompt.split("\n"):
        if text.strip():
            texts.append((start, text))
        start += len(text) + 1
    spoken = [place for place, (_, text) in enumerate(texts) if ROLE_LINE.match(text)]
    if spoken and spoken[-1] == len(texts) - 1 and ROLE_LINE.fullmatch(texts[-1][1].strip()):
        spoken.pop()
    first, last = (spoken[0], spoken[-1]) if spoken else (len(texts), -1)
    bullets = [place for place, (_, text) in enumerate(texts[:first]) if (m := _LABEL.match(text)) and m[1]]
    lines: list[Line] = []
    numbered = listed = False
    for place, (start, text) in enumerate(texts):
        if first <= place <= last:
            lines.append(Line(start, text, (), opener=True))
            numbered = False
            continue
        keys = line_keys(text)
        # Bullets directly below a plan's label are its steps, not labels of other fields.
        listed = bool(lines) and place in bullets and (listed or is_plan_label(lines[-1].text))
        step = listed or STEP.match(text) is not None
        below = numbered and text[0] in " \t"
        inside = bool(bullets) and bullets[0] < place < bullets[-1] and place not in bullets
        if step or below:
            keys = keys[:1] if step else ()
        opener = step or any(key.sort == "label" for key in keys)
        weak = step or (inside and not any(key.sort == "technique" for key in keys))
        lines.append(Line(start, text, keys, weak=weak, opener=opener))
        numbered = step or below
    return lines
