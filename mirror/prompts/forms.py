"""The formats of dialogues, plans and techniques in the prompts of a data set, so that new prompts can match them."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mirror.prompts.dialogue import DialogueForm, dialogue_marks
from mirror.prompts.plan import Plan, read_steps
from mirror.prompts.technique import TECHNIQUE_NAME, TECHNIQUES, canonical_technique, is_known

_FIRST = re.compile(r"[ \t]*[#*_]*(?:step[ \t]+|\()?1[ \t]*[.):–—-][*_]*[ \t]+", re.IGNORECASE)
IRREGULAR = ""  # in place of the form of plans whose steps are marked inconsistently
DIALOGUES = 2000  # number of dialogues that are counted
_BULLET = re.compile(r"[ \t]*[-*•–][ \t]+")


@dataclass(frozen=True)
class PlanForm:
    r"""The format of a plan, such as one line `1. …` per step.

    Attributes:
        marker: the text before the first step, whose 1 is replaced by the step's number; without a 1 it is a bullet.
        between: the separator of two steps: a line break, possibly with blank lines.
    """

    marker: str = "1. "
    between: str = "\n"

    @classmethod
    def of(cls, text: str) -> "PlanForm | None":
        """Return the form of a plan's text; None if its steps are marked or separated inconsistently."""
        first = _FIRST.match(text) or _BULLET.match(text)
        if not first:
            return None
        marker, gaps, place = first[0], [], first.end()
        for number in range(2, len(text)):
            mark = cls(marker).mark(number)
            found = text.find(f"\n{mark}", place)
            if found < 0:
                break
            words = text[place:found].rstrip()
            gaps.append(text[place + len(words) : found + 1])
            place = found + 1 + len(mark)
        if len(set(gaps)) > 1 or len(gaps) + 1 != len(read_steps(text)):
            return None
        return cls(marker, gaps[0]) if gaps else cls(marker)

    def mark(self, number: int) -> str:
        """Return the text before a step, numbered from 1."""
        return self.marker.replace("1", str(number))

    def write(self, steps: Sequence[str]) -> str:
        """Format the steps of a plan."""
        return self.between.join(f"{self.mark(number)}{step}" for number, step in enumerate(steps, 1))

    def __str__(self) -> str:
        """A plan of two steps in this form; `PlanForm.of` reads it back."""
        return self.write(("…", "…"))


@dataclass(frozen=True)
class FieldForms:
    """The formats of field values in the prompts of a data set; by default those of our own prompts.

    Attributes:
        dialogue: the format of dialogues.
        plans: the formats of plans, most common first, each as `str(PlanForm)`.
        techniques: the names of techniques in the spelling of the data, such as `Pie Chart Technique`.
    """

    dialogue: DialogueForm = DialogueForm()
    plans: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()

    def plan_text(self, plan: Plan) -> str:
        """Format a plan as in the prompts of the data.

        Its original text is returned if the data contain plans of that form; otherwise its steps are written in the
        most common form of the data.
        """
        form = PlanForm.of(plan.text)
        if plan.text and (str(form) if form else IRREGULAR) in self.plans:
            return plan.text
        return self.steps_text(plan.steps)

    def steps_text(self, steps: Sequence[str]) -> str:
        """Format the steps of a plan in the most common form of the data; empty without steps."""
        common = next((found for text in self.plans if (found := PlanForm.of(text))), PlanForm())
        return common.write(steps)

    def respelled(self, text: str) -> str:
        """Replace the names of techniques in `text` by their spelling in the data."""
        spelling = {canonical_technique(name): name for name in self.techniques}
        return TECHNIQUE_NAME.sub(lambda name: spelling.get(canonical_technique(name[0]), name[0]), text)

    def to_json(self) -> dict[str, Any]:
        """Return a dict of JSON values; `from_json` restores it."""
        return {"dialogue": str(self.dialogue), "plans": list(self.plans), "techniques": list(self.techniques)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "FieldForms":
        """Restore the forms from the value of `to_json`."""
        return cls(DialogueForm.of(data["dialogue"]), tuple(data["plans"]), tuple(data["techniques"]))


class FormCounts:
    """Counts the formats of field values, one record at a time."""

    def __init__(self) -> None:
        self._marks: Counter[tuple[str, str]] = Counter()
        self._plans: Counter[str] = Counter()
        self._techniques: Counter[str] = Counter()
        self._dialogues = 0

    def add(self, values: Mapping[str, str]) -> None:
        """Count the values of one record, given by field."""
        if is_known(values.get("plan", "")):
            self._plans[values["plan"].strip()] += 1
        if canonical_technique(values.get("technique", "")):
            self._techniques[values["technique"].strip()] += 1
        if values.get("dialogue") and self._dialogues < DIALOGUES:
            self._dialogues += 1
            self._marks.update(dialogue_marks(values["dialogue"]))

    def forms(self) -> FieldForms:
        """Return the most common formats."""
        plans: Counter[str] = Counter()
        for text, count in self._plans.items():
            form = PlanForm.of(text)
            plans[str(form) if form else IRREGULAR] += count
        spelling: dict[str | None, str] = {}
        for name, _ in self._techniques.most_common():
            spelling.setdefault(canonical_technique(name), name)
        names = tuple(spelling[technique] for technique in TECHNIQUES if technique in spelling)
        return FieldForms(DialogueForm.most_common(self._marks), tuple(form for form, _ in plans.most_common()), names)
