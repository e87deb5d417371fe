"""Induces prompt templates from the prompts of a data set whose templates are not published."""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Iterable

from mirror.prompts import CountedTemplate, FormCounts, PromptSet, PromptTemplate, canonical_technique, is_known
from mirror.training.prompt_induction.draft import Draft, draft_template
from mirror.training.prompt_induction.lines import FIRST_STEP, MASK, ROLE_LINE, STEP, Key, line_keys

SAMPLE = 2000  # records that a template is drafted from; it is then checked on all records
RARE = (1, 3)  # percent and number of a kind's records: a template that reproduces fewer is not kept
SLIP = (5, 5)  # the same for a template with the fields of a more common one, or with a misspelled constant of it
DRAFTS = 40  # maximum per kind
_LABELLED = re.compile(r"techniques?\W*:\W*\{technique\}", re.IGNORECASE)
ALIKE = 0.8  # similarity from which a line counts as a misspelled constant


def induce(records: Iterable[tuple[str, str]]) -> PromptSet:
    """Induce the prompt templates of a data set with unknown wording.

    Text that nearly all records of a kind share (90%) is constant. Text that varies after `- Label: ` is a field named
    by its label in snake case; lines `Therapist:` / `Client:` are the field `dialogue`; a list `1. … 2. …`, or the text
    after a label that ends in "plan" or "planning", is `plan`; and one of the 12 techniques, in any spelling, is
    `technique`. A label without a bullet in a list of `- Label: …` lines belongs to the value above it.

    Records that differ from the most common wording give further templates. One with other fields, or none, needs 1%
    of the kind's records and at least three; one with the same fields in another wording needs 5% and at least five
    (in a tiny set, more than half suffice). Records of rarer wordings are not reproduced and lower the share.

    A record counts as reproduced only if a template parses it, renders it again verbatim, and every value is valid for
    its field: a dialogue begins with an utterance, a technique is one of the 12 or follows its label, and no other
    value contains an utterance, or a line that is constant elsewhere or a misspelled constant. "Not found" is valid for
    any field but the dialogue. Unnamed text between constants makes no template, which rules out a template with
    everything in a single field.

    The formats of dialogues, plans and technique names are kept as well, so that prompts rendered for a counselor look
    like those that its model was trained on.

    A value that is the same in (nearly) all records of a kind cannot be distinguished from a constant and becomes one;
    in a single record only the dialogue remains a field.

    Args:
        records: (kind, human prompt) pairs.

    Returns:
        The templates of every kind with the number of records that each reproduces, and the formats of their values.
    """
    prompts: dict[str, list[str]] = {}
    for kind, prompt in records:
        prompts.setdefault(kind, []).append(prompt)
    counts = FormCounts()
    return PromptSet(
        templates={kind: _templates(kind, found, counts) for kind, found in prompts.items()},
        records={kind: len(found) for kind, found in prompts.items()},
        forms=counts.forms(),
    )


def _templates(kind: str, prompts: list[str], counts: FormCounts) -> tuple[CountedTemplate, ...]:
    """The templates of one kind, most common first; each is drafted from the records that earlier ones did not match.

    The values of the reproduced records are added to `counts`.
    """
    rare, slip = (_at_least(len(prompts), *bound) for bound in (RARE, SLIP))
    kept: list[CountedTemplate] = []
    constants: frozenset[Key] = frozenset()
    fields: frozenset[Key] = frozenset()
    missed = prompts
    for _ in range(DRAFTS):
        if len(missed) < rare:
            break
        sample = missed if len(missed) <= SAMPLE else random.Random(0).sample(missed, SAMPLE)
        draft = draft_template(kind, sample, constants, fields)
        if draft.template is None:
            missed = [prompt for prompt in missed if not _is_worded(prompt, draft)]
            continue
        reader = _Reader(draft.template, draft, constants | draft.constants)
        read = [(prompt, reader.values(prompt)) for prompt in missed]
        found = [values for _, values in read if values is not None]
        count = len(found)
        if count < rare:
            break
        missed = [prompt for prompt, values in read if values is None]
        names = set(draft.template.fields)
        again = bool(names) and any(names == set(other.template.fields) for other in kept)
        if count < slip and (again or _is_misspelled(draft.constants - constants, constants)):
            continue
        for values in found:
            counts.add(values)
        kept.append(CountedTemplate(draft.template, count))
        constants, fields = constants | draft.constants, fields | draft.fields
    return tuple(sorted(kept, key=lambda counted: -counted.count))


def _at_least(records: int, percent: int, number: int) -> int:
    """The larger of `percent` of the records and `number`, where `number` is capped at just over half the records."""
    return max(-(-percent * records // 100), min(number, records // 2 + 1))


def _is_worded(prompt: str, draft: Draft) -> bool:
    """Whether a prompt has all constants of a draft, and none that only other records have."""
    own, other = (
        [all(part in prompt for part in key.text.split(MASK)) for key in keys]
        for keys in (draft.constants, draft.others)
    )
    return all(own) and not any(other)


class _Reader:
    """Parses prompts with one template and checks the values; results per line are cached."""

    def __init__(self, template: PromptTemplate, draft: Draft, constants: frozenset[Key]) -> None:
        self._template = template
        self._draft = draft
        self._constants = constants
        self._strange: dict[str, bool] = {}
        self._labelled = _LABELLED.search(template.text) is not None

    def values(self, prompt: str) -> dict[str, str] | None:
        """The values of a prompt that the template reproduces with valid values; None for other prompts."""
        values = self._template.parse(prompt)
        if values is None or not all(self._fits(name, value) for name, value in values.items()):
            return None
        return values if self._template.render(**values) == prompt else None

    def _fits(self, name: str, value: str) -> bool:
        """Whether a value is valid for the field."""
        base = name.rstrip("_0123456789")
        if base == "technique":
            return (
                canonical_technique(value) is not None or not is_known(value) or (self._labelled and "\n" not in value)
            )
        if base == "dialogue":
            spoken = [match.start() for match in ROLE_LINE.finditer(value)]
            return not value or (spoken[:1] == [0] and not self._has_strange_line(value[spoken[-1] :]))
        if base == "plan" and self._draft.bare_plan and not FIRST_STEP.match(value):
            return False
        return not ROLE_LINE.search(value) and not self._has_strange_line(value)

    def _has_strange_line(self, value: str) -> bool:
        """Whether any line of a value but the first is a constant, verbatim or misspelled."""
        if "\n" not in value:
            return False
        return any(self._is_strange(line) for line in value.split("\n")[1:] if line.strip())

    def _is_strange(self, line: str) -> bool:
        if line not in self._strange:
            keys = line_keys(line)[:1] if STEP.match(line) else line_keys(line)
            same = any(key in self._constants or key in self._draft.others for key in keys)
            self._strange[line] = same or (not STEP.match(line) and _is_misspelled(keys, self._constants))
        return self._strange[line]


def _is_misspelled(keys: Iterable[Key], constants: Iterable[Key]) -> bool:
    """Whether a key is similar to a constant of its sort, with the same first or last three characters."""
    return any(
        key.sort == constant.sort
        and (key.text[:3] == constant.text[:3] or key.text[-3:] == constant.text[-3:])
        and abs(len(key.text) - len(constant.text)) <= (1 - ALIKE) * len(constant.text)
        and key != constant
        and difflib.SequenceMatcher(None, key.text, constant.text, autojunk=False).ratio() >= ALIKE
        for key in keys
        for constant in constants
    )
