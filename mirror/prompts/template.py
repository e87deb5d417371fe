"""Prompt templates: constant text around named fields."""

from __future__ import annotations

import hashlib
import json
import re
import string
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mirror.prompts.dialogue import SPEAKER_LABEL
from mirror.prompts.forms import FieldForms, PlanForm
from mirror.prompts.technique import TECHNIQUE_NAME

FORMS = "fields"  # key of the forms of field values in JSON, next to the kinds
_BEGINNINGS = {
    "dialogue": SPEAKER_LABEL,
    "plan": r"[ \t]*[*_(]*(?i:step +)?1[.):][*_]*\s",
    "technique": f"(?i:{TECHNIQUE_NAME.pattern})",
}


@dataclass(frozen=True)
class PromptTemplate:
    """The human prompt of one kind, with a placeholder `{name}` for every field.

    Braces in constant text are doubled, as in `str.format`. A field may occur twice. Two fields must be separated by
    constant text, since `parse` could not separate them otherwise.

    Attributes:
        kind: the kind of prompt, e.g. `response`.
        text: the template.

    Raises:
        ValueError: a malformed placeholder, or two fields without constant text between them.
    """

    kind: str
    text: str

    def __post_init__(self) -> None:
        _ = self._parts

    @cached_property
    def _parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        constants, fields = [""], list[str]()
        try:
            pieces = list(string.Formatter().parse(self.text))
        except ValueError as error:
            raise ValueError(f"template of {self.kind}: {error}; double the braces of constant text") from None
        for constant, field, form, conversion in pieces:
            constants[-1] += constant
            if field is None:
                continue
            if not field.isidentifier() or form or conversion:
                raise ValueError(f"template of {self.kind}: {{{field}}} is not a field name; use letters, digits and _")
            if fields and not constants[-1]:
                raise ValueError(f"template of {self.kind}: no text between {{{fields[-1]}}} and {{{field}}}")
            fields.append(field)
            constants.append("")
        return tuple(constants), tuple(fields)

    @property
    def parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The constants and the fields between them, in order: n + 1 constants for n fields."""
        return self._parts

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields in the order of their first occurrence."""
        return tuple(dict.fromkeys(self._parts[1]))

    def render(self, /, **fields: str) -> str:
        """Insert the text of every field literally, braces included.

        Raises:
            ValueError: a field is missing or unknown.
        """
        own = self.fields
        missing = [name for name in own if name not in fields]
        unknown = [name for name in fields if name not in own]
        for problem, names in (("needs the field", missing), ("has no field", unknown)):
            if names:
                known = ", ".join(own) or "none"
                raise ValueError(f"template of {self.kind} {problem} {', '.join(names)}; its fields: {known}")
        constants, placed = self._parts
        return constants[0] + "".join(fields[n] + c for n, c in zip(placed, constants[1:], strict=True))

    def parse(self, prompt: str) -> dict[str, str] | None:
        """Extract the fields of a rendered prompt; None if any constant differs.

        A field ends at the first occurrence of the constant after it, the last field at the final constant. Before a
        dialogue, a plan or a technique, an occurrence that is followed by the typical beginning of such a value takes
        precedence. `render(**parse(prompt)) == prompt` always holds; `parse(render(**fields)) == fields` holds unless
        a field contains the constant after it.
        """
        constants, names = self._parts
        if not names:
            return {} if prompt == constants[0] else None
        end = len(prompt) - len(constants[-1])
        start = len(constants[0])
        if start > end or not prompt.startswith(constants[0]) or not prompt.endswith(constants[-1]):
            return None
        fields: dict[str, str] = {}
        for place, name in enumerate(names):
            last = place == len(names) - 1
            # The text of a repeated field is known, so the constant is searched after it.
            known = fields.get(name, "")
            stop = end if last else self._find(prompt, place + 1, start + len(known), end)
            if stop < 0 or fields.setdefault(name, prompt[start:stop]) != prompt[start:stop]:
                return None
            start = stop + (0 if last else len(constants[place + 1]))
        return fields

    def _find(self, prompt: str, place: int, start: int, end: int) -> int:
        """Return the position of the constant before the field at `place`; -1 if it is missing."""
        opening = self._openings[place]
        found = opening.search(prompt, start, end) if opening else None
        return found.start() if found else prompt.find(self._parts[0][place], start, end)

    @cached_property
    def _openings(self) -> list[re.Pattern[str] | None]:
        """One pattern per field: the constant before it and the typical beginning of its values, if there is one."""
        return [
            re.compile(f"{re.escape(constant)}(?={_BEGINNINGS[name]})") if name in _BEGINNINGS else None
            for constant, name in zip(*self._parts, strict=False)
        ]


@dataclass(frozen=True)
class CountedTemplate:
    """A template and the number of records that it reproduces exactly."""

    template: PromptTemplate
    count: int


@dataclass(frozen=True)
class PromptSet:
    """The prompt templates that one model was trained on.

    Attributes:
        templates: per kind, most common first. A record counts for the first template that reproduces it.
        records: per kind, the number of records; 0 for our own templates, which do not come from data.
        forms: the formats of dialogues, plans and techniques in the fields.
    """

    templates: Mapping[str, tuple[CountedTemplate, ...]]
    records: Mapping[str, int]
    forms: FieldForms = FieldForms()

    @property
    def share(self) -> dict[str, float]:
        """The fraction of records that some template reproduces exactly, per kind; 1.0 without records."""
        return {
            kind: sum(counted.count for counted in self.templates[kind]) / seen if seen else 1.0
            for kind, seen in self.records.items()
        }

    def template(self, kind: str, fields: Collection[str]) -> PromptTemplate:
        """Return the most common template of a kind whose field names are exactly `fields`.

        Raises:
            ValueError: the set has no such kind, or no such template; the message lists the available ones.
        """
        if kind not in self.templates:
            raise ValueError(
                f"no prompt template of kind {kind!r}; this set has: {', '.join(self.templates) or 'none'}"
            )
        for template in self._of_kind(kind):
            if set(template.fields) == set(fields):
                return template
        known = "; ".join(", ".join(t.fields) or "(no field)" for t in self._of_kind(kind)) or "none was found"
        raise ValueError(
            f"no {kind} template with the fields {', '.join(fields) or '(none)'}; those of this set: {known}"
        )

    def render(self, kind: str, /, **fields: str) -> str:
        """Render the prompt of a kind, omitting empty fields if the set has a template without them.

        The dialogue is empty before anyone has spoken: some data sets then omit its sentence, others leave the field
        blank. Of the templates that have all fields with text, the one with the fewest empty fields is used.

        Raises:
            ValueError: as for `template`.
        """
        spoken = {name for name, text in fields.items() if text}
        fitting = [t for t in self._of_kind(kind) if spoken <= set(t.fields) <= set(fields)]
        template = min(fitting, key=lambda t: len(t.fields)) if fitting else self.template(kind, fields)
        return template.render(**{name: fields[name] for name in template.fields})

    def _of_kind(self, kind: str) -> Iterator[PromptTemplate]:
        return (counted.template for counted in self.templates.get(kind, ()))

    def to_json(self) -> dict[str, Any]:
        """Return a dict of JSON values; `from_json` restores the set. `origin` is the source of a kind's templates."""
        kinds = {
            kind: {
                "origin": "data" if self.records[kind] else "own",
                "records": self.records[kind],
                "share": self.share[kind],
                "templates": [{"text": c.template.text, "count": c.count} for c in counted],
            }
            for kind, counted in self.templates.items()
        }
        return kinds if self.forms == FieldForms() else kinds | {FORMS: self.forms.to_json()}

    @property
    def sha256(self) -> str:
        """The SHA-256, in hex, of everything that determines the text of prompts; independent of their origin."""
        texts = {kind: [c.template.text for c in counted] for kind, counted in sorted(self.templates.items())}
        content = [texts, str(self.forms.dialogue), self.forms.plans or [str(PlanForm())]]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PromptSet:
        """Restore a set from the value of `to_json`; the share is computed from the counts.

        Raises:
            ValueError: a kind lacks `records`, or a template its `text` or `count`; the message names the kind.
        """
        templates, records = {}, {}
        try:
            forms = FieldForms.from_json(data[FORMS]) if FORMS in data else FieldForms()
        except (KeyError, TypeError) as error:
            raise ValueError(f"prompt templates: {FORMS}: {error!r}; needs dialogue, plans and techniques") from None
        for kind, entry in data.items():
            if kind == FORMS:
                continue
            try:
                records[kind] = int(entry["records"])
                counted = [(PromptTemplate(kind, each["text"]), int(each["count"])) for each in entry["templates"]]
                templates[kind] = tuple(CountedTemplate(template, count) for template, count in counted)
            except (KeyError, TypeError) as error:
                raise ValueError(
                    f"prompt templates of {kind!r}: {error!r}; needs records, and templates with text and count"
                ) from None
        return cls(templates, records, forms)
