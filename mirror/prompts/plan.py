"""A counseling plan as text: one CBT technique and numbered steps."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from mirror.prompts.technique import TECHNIQUES, canonical_technique, named_technique

_EDGE = r"[ \t#*_>•–-]*"  # list marks and bold marks before a label
_CLOSING = r"[ \t*_]*(?:[:：]|[ \t][-–—](?=[ \t]))[ \t*_]*"  # `:` or ` – `
_CLOSING_OR_END = rf"(?:{_CLOSING}|[ \t*_]*$)"  # a label of several words may be alone on its line
_KIND = r"(?:(?:cbt|counsell?ing|therapy|treatment)[ \t]+)"
_TECHNIQUE_LABEL = re.compile(
    rf"^{_EDGE}(?:cbt[ \t]+techniques?{_CLOSING_OR_END}|(?:(?:selected|chosen)[ \t]+)?techniques?{_CLOSING})(.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_PLAN_LABEL = re.compile(
    rf"^{_EDGE}(?:{_KIND}+plan(?:ning)?{_CLOSING_OR_END}|{_KIND}*plan(?:ning)?(?:[ \t]+steps)?{_CLOSING})",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBER = re.compile(r"[\s#*_>-]*(?:\(?\d{1,2}[.):]|step\s+\d{1,2}\s*[.):–—-])(?!\d)[*_]*[ \t]*(.*)", re.IGNORECASE)
_INLINE_NUMBER = re.compile(r"\s(?=\d{1,2}[.)]\s)")
_INLINE_COUNT = re.compile(r"(?<!\S)\d{1,2}(?=[.)]\s)")
_BULLET = re.compile(r"\s*[-*•–][ \t]+(.*)")


@dataclass(frozen=True)
class Plan:
    """A CBT technique and at least one step.

    Attributes:
        technique: its name as written, e.g. `Pie Chart Technique`; `canonical` is the standard name.
        steps: one line of text each.
        text: the original text of the steps, with its line breaks; empty if the plan was not parsed from a text.

    Raises:
        ValueError: an unknown technique, no steps, or a step that is empty, has surrounding spaces or several lines.
    """

    technique: str
    steps: tuple[str, ...]
    text: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if canonical_technique(self.technique) is None:
            raise ValueError(f"plan: unknown technique {self.technique!r}; the 12 are: {', '.join(TECHNIQUES)}")
        if not self.steps:
            raise ValueError("plan: no steps; a plan has at least one")
        for number, step in enumerate(self.steps, 1):
            if not step or step != step.strip() or "\n" in step or "\r" in step:
                raise ValueError(
                    f"plan: step {number} must be one line of text without surrounding spaces, found {step!r}"
                )

    @property
    def canonical(self) -> str:
        """The technique's standard name, one of `TECHNIQUES`."""
        return canonical_technique(self.technique) or ""


def format_steps(steps: Sequence[str]) -> str:
    """Format the steps as numbered lines: the value of the field `plan` in our own response prompts."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def format_plan(technique: str, steps: Sequence[str]) -> str:
    """Format the answer to a planning prompt; `parse_plan` restores the technique and the steps.

    Raises:
        ValueError: as for `Plan`.
    """
    plan = Plan(technique, tuple(steps))
    return f"CBT technique: {plan.technique}\nCounseling plan:\n{format_steps(plan.steps)}"


def parse_plan(text: str) -> Plan:
    """Parse the plan that a model wrote.

    Accepts the variations of models and published data: labels in any case, bold, bulleted or missing (`CBT technique`,
    `Counseling planning`, `Counseling Plan`, `CBT Plan`, `Plan`); the technique or the first step on the label's line
    or on the next; `1)`, `(1)` or `Step 1:` for `1.`, bullets for numbers, blank lines, all steps on one line, steps of
    several lines (joined by spaces). The technique is the one after its label or, without a label, the first in the
    text; its name is kept as written.

    Raises:
        ValueError: the text names none of the 12 techniques, or has no numbered or bulleted step.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    label = _TECHNIQUE_LABEL.search(text)
    searched = _label_value(label, text) if label else text
    technique = named_technique(searched)
    if technique is None:
        raise ValueError(
            f"plan: names none of the 12 CBT techniques ({', '.join(TECHNIQUES)}), found {searched[:200]!r}"
        )
    body = _body(text)
    steps = read_steps(body)
    if not steps and label:
        steps, body = read_steps(label[1]), ""
    if not steps:
        raise ValueError(f"plan: no numbered steps ('1. …', one per line), found {text[:200]!r}")
    return Plan(technique, steps, body)


def _label_value(label: re.Match[str], text: str) -> str:
    """Return the rest of the line after the technique's label, or else the next line that is not blank."""
    if label[1].strip(" \t*_"):
        return label[1]
    following = text[label.end() :].lstrip()
    return following.split("\n", 1)[0]


def _body(text: str) -> str:
    """Return the original text of the steps: everything after the plan's label, or else from the first step on."""
    label = _PLAN_LABEL.search(text)
    rest = text[label.end() :] if label else text
    lines = _TECHNIQUE_LABEL.sub("", rest, count=1).split("\n")
    if not label:
        numbered = [place for place, line in enumerate(lines) if _NUMBER.fullmatch(line)]
        lines = lines[numbered[0] :] if numbered else lines
    return "\n".join(lines).strip()


def read_steps(text: str) -> tuple[str, ...]:
    """Return the steps in a text: numbered lines, or numbers within a line, or bulleted lines.

    Lines without a mark belong to the step before them.
    """
    lines = [line.strip() for line in text.split("\n")]
    item = _NUMBER
    numbered = [line for line in lines if _NUMBER.fullmatch(line)]
    counted = [int(number[0]) for number in _INLINE_COUNT.finditer(text)] if len(numbered) == 1 else []
    if not numbered or (len(counted) > 1 and counted == list(range(1, len(counted) + 1))):
        split = [part.strip() for line in lines for part in _INLINE_NUMBER.split(line)]
        if any(_NUMBER.fullmatch(line) for line in split):
            lines = split
        else:
            item = _BULLET
    steps: list[str] = []
    for line in lines:
        begun = item.fullmatch(line)
        if begun:
            steps.append(begun[1].strip())
        elif steps and line:
            steps[-1] = f"{steps[-1]} {line}".strip()
    return tuple(step for step in steps if step)
