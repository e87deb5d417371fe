"""The records of a variant from those of a richer one: the kinds and the fields that it does not have are taken out.

Nobody has published a set for every variant; the one with captions and plans holds what all others need. Knows nothing
of tokens or models.
"""

import logging
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mirror.prompts import VARIANTS, PromptSet, PromptTemplate, Variant
from mirror.training.prompt_induction import induce
from mirror.training.prompt_lines import FIRST_STEP, labelled_field
from mirror.training.records import DataError, Fault, Record

log = logging.getLogger(__name__)

_FIELD = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")


class NotDerivable(ValueError):
    """A field cannot be taken out of the prompts; the message says which one and why."""


@dataclass(frozen=True)
class Derivation:
    """The records of the variant, those that could not be derived, and what was taken out, one sentence per change."""

    records: list[Record]
    faults: list[Fault]
    changes: tuple[str, ...]


def fields_of(variant: Variant) -> set[str]:
    """The fields that a variant's replies need, beyond those of all variants."""
    return set(["client_emotional_state"] * variant.ec + ["technique", "plan"] * variant.planning)


def derive(records: Sequence[Record], cot: str) -> Derivation:
    """The records as a set of this variant in the same wording holds them; unchanged where they are of it already.

    Records that ask for a caption or a plan are left out where the variant asks for none, and the lines of the fields
    that it does not have are cut from the prompts of the others. Answers and pictures stay as they are.

    Raises:
        NotDerivable: a field's line cannot be told from the rest of the prompt.
    """
    variant = Variant.of(cot)
    kinds = {"emotion_recognition": variant.ec, "planning": variant.planning}
    left_out = Counter(record.kind for record in records if not kinds.get(record.kind, True))
    kept = [record for record in records if kinds.get(record.kind, True)]
    changes = [f"{count} records of kind {kind} are left out" for kind, count in sorted(left_out.items())]
    surplus = fields_of(Variant.of("ec_planning")) - fields_of(variant)
    if not any(_may_hold(record.turns[0][0], surplus) for record in kept):
        return Derivation(kept, [], _announced(changes, cot))
    shorter = _Shorter(induce((record.kind, record.turns[0][0]) for record in kept), surplus)
    found = [(record, shorter.prompt(record.kind, record.turns[0][0])) for record in kept]
    changes += shorter.changes()
    problem = f"no template reproduces its prompt, so {', '.join(sorted(surplus))} cannot be taken out of it"
    faults = [Fault(record.name, "conversations", problem) for record, prompt in found if prompt is None]
    derived = [_asking(record, prompt) for record, prompt in found if prompt is not None]
    return Derivation(derived, faults, _announced(changes, cot))


def _announced(changes: Sequence[str], cot: str) -> tuple[str, ...]:
    if changes:
        log.warning("the data are of a richer variant than %s: %s", cot, "; ".join(changes))
    return tuple(changes)


def check_fields(prompts: PromptSet, cot: str, file: Path) -> None:
    """Raises DataError where no prompt of a reply has a field that this variant needs, not even one that never varies.

    The prompts of a set without replies are not looked at.
    """
    texts = [counted.template.text for counted in prompts.templates.get("response", ())]
    there = {name for text in texts for name in _FIELD.findall(text)}
    there |= {labelled_field(line) for text in texts for line in text.split("\n")}
    missing = sorted(fields_of(Variant.of(cot)) - there)
    if missing and texts:
        possible = [name for name, variant in VARIANTS.items() if fields_of(variant) <= there]
        found = ", ".join(sorted({name for text in texts for name in _FIELD.findall(text)})) or "none"
        problem = f"cot {cot} needs {' and '.join(missing)} in the prompts of its replies; the fields found: {found}"
        advice = f"bring a set of {cot}, or train what these data hold: -p cot {' or '.join(possible)}"
        raise DataError(file, [Fault("all", "conversations", problem)], prompts.records["response"], advice)


def _may_hold(prompt: str, fields: Collection[str]) -> bool:
    """Whether a prompt has a line that looks like one of the fields; a first look that needs no template."""
    has_steps = "plan" in fields and FIRST_STEP.search(prompt) is not None
    return has_steps or any(labelled_field(line) in fields for line in prompt.split("\n"))


def _asking(record: Record, prompt: str) -> Record:
    (_, answer), *others = record.turns
    return replace(record, turns=((prompt, answer), *others))


class _Shorter:
    """Takes the surplus fields out of prompts, and counts in how many it found them."""

    def __init__(self, prompts: PromptSet, surplus: Collection[str]) -> None:
        self._surplus = surplus
        self._pairs: dict[str, list[tuple[PromptTemplate, PromptTemplate]]] = {}
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        for kind, counted in prompts.templates.items():
            templates = sorted((c.template for c in counted), key=lambda template: -len(self._held(template)))
            # A template with the fields also reads prompts in which they are blank.
            self._pairs[kind] = [(template, without(template, surplus)) for template in templates]

    def _held(self, template: PromptTemplate) -> tuple[str, ...]:
        return tuple(name for name in template.fields if name in self._surplus)

    def prompt(self, kind: str, prompt: str) -> str | None:
        """The prompt without the fields; None where no template reads it."""
        for template, shorter in self._pairs[kind]:
            values = template.parse(prompt)
            if values is not None:
                self._counts[kind, self._held(template)] += 1
                return shorter.render(**{name: values[name] for name in shorter.fields})
        return None

    def changes(self) -> list[str]:
        return [
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} taken out of {count} prompts of kind {kind}"
            for (kind, names), count in sorted(self._counts.items())
            if names
        ]


def without(template: PromptTemplate, fields: Collection[str]) -> PromptTemplate:
    """The template without the lines that hold these fields, their labels and the blank lines before them.

    What stands before and behind is left as it is, so the result is what the same wording is without the fields. A
    label may stand before its value or on a line of its own above it.

    Raises:
        NotDerivable: a field stands in a sentence, where its line cannot be taken out, or its value is a constant.
    """
    kept: list[str] = []
    for line in template.text.split("\n"):
        held = [name for name in _FIELD.findall(line) if name in fields]
        if not held:
            kept.append(line)
            continue
        before, _, behind = line.partition(f"{{{held[0]}}}")
        if behind.strip() or (before.strip() and not _is_label(before)):
            raise NotDerivable(f"{held[0]} stands in a sentence ({line.strip()!r}), so its line cannot be taken out")
        if not before.strip():
            _drop_blank(kept)
            if kept and _is_label(kept[-1]):
                kept.pop()
        _drop_blank(kept)
    for line in kept:
        if (name := labelled_field(line)) in fields:
            raise NotDerivable(
                f"{name} is the same in all these records ({line.strip()!r}), so it cannot be told apart"
            )
    return PromptTemplate(template.kind, "\n".join(kept))


def _is_label(text: str) -> bool:
    """Whether a text is a label and nothing else: `- CBT technique: `."""
    return labelled_field(text) != "" and text.strip().rstrip("*").endswith(":") and not _FIELD.search(text)


def _drop_blank(lines: list[str]) -> None:
    """Takes away the blank lines at the end."""
    while lines and not lines[-1].strip():
        lines.pop()
