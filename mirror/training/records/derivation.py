"""Derives the records of a variant from those of a richer one, by removing the kinds and fields that it does not have.

Sets are not published for every variant; the one with captions and plans contains what all others need.
"""

import logging
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mirror.prompts import VARIANTS, PromptSet, PromptTemplate, Variant
from mirror.training.prompt_induction import induce
from mirror.training.prompt_induction.lines import FIRST_STEP, labelled_field
from mirror.training.records import Record
from mirror.training.records.faults import DataError, RecordFault

log = logging.getLogger(__name__)

_FIELD = re.compile(r"(?<!\{)\{(\w+)\}(?!\})")


class NotDerivable(ValueError):
    """A field cannot be removed from the prompts; the message says which one and why."""


@dataclass(frozen=True)
class Derivation:
    """The result of `derive`.

    Attributes:
        records: of the variant.
        faults: records that could not be derived.
        changes: what was removed, one sentence per change.
    """

    records: list[Record]
    faults: list[RecordFault]
    changes: tuple[str, ...]


def fields_of(variant: Variant) -> set[str]:
    """The fields that the variant's response prompts need, beyond those of all variants."""
    return set(["client_emotional_state"] * variant.ec + ["technique", "plan"] * variant.planning)


def derive(records: Sequence[Record], cot: str) -> Derivation:
    """The records as a set of this variant has them in the same wording; unchanged if they are of it already.

    Records that ask for a caption or a plan are left out if the variant has none. From the prompts of the others, the
    lines of fields that the variant does not have are removed. Answers and images are not changed.

    Args:
        records: of the variant or a richer one.
        cot: the variant.

    Raises:
        NotDerivable: the line of a field cannot be distinguished from the rest of the prompt.
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
    problem = f"no template reproduces its prompt, so {', '.join(sorted(surplus))} cannot be removed from it"
    faults = [RecordFault(record.name, "conversations", problem) for record, prompt in found if prompt is None]
    derived = [_with_prompt(record, prompt) for record, prompt in found if prompt is not None]
    return Derivation(derived, faults, _announced(changes, cot))


def _announced(changes: Sequence[str], cot: str) -> tuple[str, ...]:
    if changes:
        log.warning("the data are of a richer variant than %s: %s", cot, "; ".join(changes))
    return tuple(changes)


def check_fields(prompts: PromptSet, cot: str, file: Path) -> None:
    """Check that the response prompts have the fields that the variant needs, be it as a constant line.

    A set without response records is not checked.

    Args:
        prompts: of the data.
        cot: the variant.
        file: the data, for messages.

    Raises:
        DataError: no response prompt has one of the fields.
    """
    texts = [counted.template.text for counted in prompts.templates.get("response", ())]
    there = {name for text in texts for name in _FIELD.findall(text)}
    there |= {labelled_field(line) for text in texts for line in text.split("\n")}
    missing = sorted(fields_of(Variant.of(cot)) - there)
    if missing and texts:
        possible = [name for name, variant in VARIANTS.items() if fields_of(variant) <= there]
        found = ", ".join(sorted({name for text in texts for name in _FIELD.findall(text)})) or "none"
        problem = f"cot {cot} needs {' and '.join(missing)} in its response prompts; the fields found: {found}"
        advice = f"use a training set of {cot}, or train what these data allow: -p cot {' or '.join(possible)}"
        raise DataError(file, [RecordFault("all", "conversations", problem)], prompts.records["response"], advice)


def _may_hold(prompt: str, fields: Collection[str]) -> bool:
    """Whether a prompt has a line that looks like one of the fields; a quick check that needs no template."""
    has_steps = "plan" in fields and FIRST_STEP.search(prompt) is not None
    return has_steps or any(labelled_field(line) in fields for line in prompt.split("\n"))


def _with_prompt(record: Record, prompt: str) -> Record:
    """The record with another first human turn."""
    (_, answer), *others = record.turns
    return replace(record, turns=((prompt, answer), *others))


class _Shorter:
    """Removes the surplus fields from prompts, and counts the prompts that had them."""

    def __init__(self, prompts: PromptSet, surplus: Collection[str]) -> None:
        self._surplus = surplus
        self._pairs: dict[str, list[tuple[PromptTemplate, PromptTemplate]]] = {}
        self._counts: Counter[tuple[str, tuple[str, ...]]] = Counter()
        for kind, counted in prompts.templates.items():
            templates = sorted((c.template for c in counted), key=lambda template: -len(self._held(template)))
            # A template with the fields also parses prompts in which they are blank.
            self._pairs[kind] = [(template, without(template, surplus)) for template in templates]

    def _held(self, template: PromptTemplate) -> tuple[str, ...]:
        return tuple(name for name in template.fields if name in self._surplus)

    def prompt(self, kind: str, prompt: str) -> str | None:
        """The prompt without the fields; None if no template parses it."""
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
    """The template without the lines of these fields, their labels and the blank lines before them.

    Everything else is unchanged, so that the result is the same wording without the fields. A label may precede its
    value or be on a line of its own above it.

    Args:
        template: of one kind of prompt.
        fields: names of the fields to remove.

    Raises:
        NotDerivable: a field is part of a sentence, so that its line cannot be removed, or its value is a constant.
    """
    kept: list[str] = []
    for line in template.text.split("\n"):
        held = [name for name in _FIELD.findall(line) if name in fields]
        if not held:
            kept.append(line)
            continue
        before, _, behind = line.partition(f"{{{held[0]}}}")
        if behind.strip() or (before.strip() and not _is_label(before)):
            raise NotDerivable(f"{held[0]} is part of a sentence ({line.strip()!r}), so its line cannot be removed")
        if not before.strip():
            _drop_blank(kept)
            if kept and _is_label(kept[-1]):
                kept.pop()
        _drop_blank(kept)
    for line in kept:
        if (name := labelled_field(line)) in fields:
            raise NotDerivable(
                f"{name} is the same in all these records ({line.strip()!r}), so it looks like a constant"
            )
    return PromptTemplate(template.kind, "\n".join(kept))


def _is_label(text: str) -> bool:
    """Whether a text is only a label: `- CBT technique: `."""
    return labelled_field(text) != "" and text.strip().rstrip("*").endswith(":") and not _FIELD.search(text)


def _drop_blank(lines: list[str]) -> None:
    """Remove the blank lines at the end, in place."""
    while lines and not lines[-1].strip():
        lines.pop()
