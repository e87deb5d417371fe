"""A counseling plan as text: one CBT technique and numbered steps. Knows nothing of the prompt that asked for it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

TECHNIQUES = (
    "Efficiency Evaluation",
    "Pie Chart",
    "Alternative Perspective",
    "Decatastrophizing",
    "Pros and Cons Analysis",
    "Evidence-Based Questioning",
    "Reality Testing",
    "Continuum",
    "Changing Rules to Wishes",
    "Behavior Experiment",
    "Problem-Solving Skills Training",
    "Systematic Exposure",
)
_SPELLINGS = {"and": "(?:and|&)", "Behavior": "Behaviou?r", "Experiment": "Experiments?"}
_NAMES = [
    (technique, r"[\s-]+".join(_SPELLINGS.get(word, word) for word in re.split(r"[\s-]", technique)))
    for technique in TECHNIQUES
]
_INITIALS = "".join(sorted({technique[0] for technique in TECHNIQUES}))  # a cheap first look, twice as fast
TECHNIQUE_NAME = re.compile(
    rf"\b(?=[{_INITIALS}])(?:" + "|".join(f"({pattern})" for _, pattern in _NAMES) + r")\b", re.IGNORECASE
)
_TECHNIQUE_LABEL = re.compile(r"^[\s#*>-]*(?:cbt\s+)?technique[\s*]*:(.*)$", re.IGNORECASE | re.MULTILINE)
_PLAN_LABEL = re.compile(r"^[\s#*>-]*(?:(?:cbt|counsell?ing)\s+)*plan[\s*]*:[ \t*]*", re.IGNORECASE | re.MULTILINE)
_NUMBER = re.compile(r"[\s*>-]*(?:step\s+)?\d{1,2}[.):](?!\d)\**[ \t]*(.*)", re.IGNORECASE)
_INLINE_NUMBER = re.compile(r"\s(?=\d{1,2}[.)]\s)")
_BULLET = re.compile(r"\s*[-*•–][ \t]+(.*)")


@dataclass(frozen=True)
class Plan:
    """One of the 12 techniques and at least one step, a line each.

    Raises:
        ValueError: another technique, no step, or a step that is empty, has outer blanks or spans lines.
    """

    technique: str
    steps: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.technique not in TECHNIQUES:
            raise ValueError(f"plan: unknown technique {self.technique!r}; the 12 are: {', '.join(TECHNIQUES)}")
        if not self.steps:
            raise ValueError("plan: no steps; a plan has at least one")
        for number, step in enumerate(self.steps, 1):
            if not step or step != step.strip() or "\n" in step or "\r" in step:
                raise ValueError(f"plan: step {number} must be one line of text without outer blanks, found {step!r}")


def format_steps(steps: Sequence[str]) -> str:
    """The numbered lines of a plan, the text of the field `plan` of a response prompt."""
    return "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))


def format_plan(technique: str, steps: Sequence[str]) -> str:
    """The answer of a planning prompt; `parse_plan` gives the same technique and steps back.

    Raises:
        ValueError: as `Plan`.
    """
    plan = Plan(technique, tuple(steps))
    return f"CBT technique: {plan.technique}\nCounseling plan:\n{format_steps(plan.steps)}"


def parse_plan(text: str) -> Plan:
    """The plan that a model wrote.

    Tolerates what small models write: other case, a missing label, `1)` for `1.`, bullets for numbers, blank lines,
    bold marks, all steps on one line, a step that runs over several lines (joined by a blank). The technique is the one
    of the technique line or, where there is no such line, the first that the text names.

    Raises:
        ValueError: none of the 12 techniques is named, or there is no numbered or bulleted step.
    """
    label = _TECHNIQUE_LABEL.search(text)
    searched = label[1] if label and label[1].strip(" \t\r*") else text
    named = TECHNIQUE_NAME.search(searched)
    if not named:
        raise ValueError(
            f"plan: names none of the 12 CBT techniques ({', '.join(TECHNIQUES)}), found {searched[:200]!r}"
        )
    steps = _steps(_TECHNIQUE_LABEL.sub("", _PLAN_LABEL.sub("\n", text, count=1), count=1))
    if not steps and label:
        steps = _steps(label[1])
    if not steps:
        raise ValueError(f"plan: no numbered steps ('1. …', one a line), found {text[:200]!r}")
    return Plan(TECHNIQUES[named.lastindex - 1], steps)


def _steps(text: str) -> tuple[str, ...]:
    """The numbered lines, or numbers within a line, or bulleted lines; each with the lines that follow it."""
    lines = [line.strip() for line in text.replace("\r", "\n").split("\n")]
    item = _NUMBER
    if not any(_NUMBER.fullmatch(line) for line in lines):
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
