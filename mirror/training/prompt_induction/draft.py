"""Drafts one prompt template from records of one kind that mostly share their wording."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mirror.prompts import SPEAKER_LABEL, PromptTemplate, canonical_technique, is_known
from mirror.training.prompt_induction.lines import (
    FIRST_STEP,
    MASK,
    ROLE_LINE,
    Key,
    Line,
    is_bulleted,
    is_plan_label,
    label_field,
    line_keys,
    read_lines,
    technique_spans,
)

NEARLY_ALL = 0.9  # share of the records: what they have in common is constant
SOME = 0.05  # share of the records: a sentence that follows many different values is constant, if only in some records
FEW = 0.01  # share of the records: a sentence with no value before it is constant, since it cannot belong to a field
_SPOKEN = re.compile(rf"(?:\A[ \t]*|^)({SPEAKER_LABEL})", re.MULTILINE)  # after a label, or on a line of its own


@dataclass
class Draft:
    """A template, with what is needed to check values that it parses.

    Attributes:
        template: None if some text between the constants has no name.
        constants: keys of the constant lines.
        fields: keys of the lines that contain a field.
        others: keys that are constant in other records; a value must not contain them.
        bare_plan: whether the field `plan` directly follows a value, so that only its numbering marks its start.
    """

    template: PromptTemplate | None
    constants: frozenset[Key]
    fields: frozenset[Key]
    others: frozenset[Key]
    bare_plan: bool = False


@dataclass
class _Pieces:
    """The template under construction, and the records' values of each field."""

    text: str = ""
    values: dict[str, list[str]] = field(default_factory=dict)
    named: bool = True
    bare_plan: bool = False

    def add_constant(self, text: str) -> None:
        self.text += text.replace("{", "{{").replace("}", "}}")

    def add_field(self, name: str, values: list[str]) -> None:
        """Add a field of that name, or with a number appended if the name is taken by other values."""
        free, number = name, 2
        while free in self.values and _share(map(str.__eq__, self.values[free], values)) < NEARLY_ALL:
            free, number = f"{name}_{number}", number + 1
        self.values.setdefault(free, values)
        self.text += f"{{{free}}}"


def draft_template(kind: str, prompts: Sequence[str], constants: frozenset[Key], fields: frozenset[Key]) -> Draft:
    """Draft the template of the most common wording among the prompts.

    Args:
        kind: of the records.
        prompts: at least one.
        constants: keys that are constant in an earlier template, so that less evidence is required of them.
        fields: keys that contain a field in an earlier template; they remain fields if their value never varies.
    """
    pages = [read_lines(prompt) for prompt in prompts]
    shared = _shared_keys(pages, constants, fields)
    keys, rows = _common_outline(prompts, pages, shared)
    nested = _nested_labels(keys, rows)
    if nested:
        shared -= nested
        keys, rows = _common_outline(prompts, pages, shared)
    pieces = _assemble(keys, rows)
    template = None
    if pieces.named:
        try:
            template = PromptTemplate(kind, pieces.text)
        except ValueError:  # two fields are adjacent, so no prompt could be parsed
            template = None
    return Draft(
        template=template,
        constants=frozenset(keys),
        fields=frozenset(key for key in keys if key.sort != "line"),
        others=frozenset(shared) - set(keys),
        bare_plan=pieces.bare_plan,
    )


def _shared_keys(pages: list[list[Line]], constants: frozenset[Key], fields: frozenset[Key]) -> set[Key]:
    """The keys that are constant in all records or in some."""
    counts: Counter[Key] = Counter()
    broader: dict[Key, tuple[Key, ...]] = {}
    weak: set[Key] = set()
    for page in pages:
        counts.update({key for line in page for key in line.keys})
        for line in page:
            broader.update((key, line.keys[place:]) for place, key in enumerate(line.keys, 1))
            weak.update(line.keys if line.weak else ())
    everywhere = NEARLY_ALL * len(pages)
    before = _values_before(pages, {key for key, count in counts.items() if count >= everywhere}, fields)
    shared = set()
    for key, count in counts.items():
        # A line whose text varies after its label, or around a technique, is identified by its constant part.
        part = NEARLY_ALL if key.sort == "line" else 0.5
        if any(count < part * counts[other] or (key.sort == "line" and other in fields) for other in broader[key]):
            continue
        varied, free = len(before[key]) >= 2, before[key] == {""}
        # With fields known, a line that follows a single value may be the rest of that value.
        if (
            key in constants
            or (count >= everywhere and (varied or free or not fields))
            or (count >= SOME * len(pages) and varied and key not in weak)
            or (count >= max(2, FEW * len(pages)) and free and key not in weak)
        ):
            shared.add(key)
    return shared


def _values_before(pages: list[list[Line]], everywhere: set[Key], fields: frozenset[Key]) -> dict[Key, set[str]]:
    """For each key the last preceding line at which a value may begin, "" if there is none; at most two different."""
    before: defaultdict[Key, set[str]] = defaultdict(set)
    for page in pages:
        opener = ""
        for line in page:
            for key in line.keys:
                if len(before[key]) < 2:
                    before[key].add(opener)
                if key.sort != "line" and len(before[key]) < 2:
                    before[key].add(line.text)
            constant = line.keys and line.keys[0] in everywhere and fields.isdisjoint(line.keys)
            if line.opener and not constant:
                opener = line.text
    return before


def _common_outline(
    prompts: Sequence[str], pages: list[list[Line]], shared: set[Key]
) -> tuple[tuple[Key, ...], list[tuple[str, list[Line]]]]:
    """The most common sequence of constants, and the prompts that have it, each with its constant lines in order."""
    outlines = []
    for prompt, page in zip(prompts, pages, strict=True):
        found = [next((key for key in line.keys if key in shared), None) for line in page]
        for place, (line, following) in enumerate(zip(page, page[1:], strict=False)):
            key, label = found[place], line.keys[-1] if line.keys else None
            # `- Personal Information: Name:`, then a line that varies: the value begins after the first label.
            if key and label in shared and is_bulleted(key) and following.keys and not found[place + 1]:
                found[place] = label
        outline = [(key, line) for key, line in zip(found, page, strict=True) if key]
        structure = (bool(ROLE_LINE.search(prompt)), bool(FIRST_STEP.search(prompt)))
        outlines.append(((tuple(key for key, _ in outline), structure), (prompt, [line for _, line in outline])))
    common = Counter(skeleton for skeleton, _ in outlines).most_common(1)[0][0]
    return common[0], [row for skeleton, row in outlines if skeleton == common]


def _nested_labels(keys: Sequence[Key], rows: list[tuple[str, list[Line]]]) -> set[Key]:
    """Labels without a bullet inside a list of `- Label: …` lines, with free text: part of the value above them."""
    bullets = [place for place, key in enumerate(keys) if is_bulleted(key)]
    nested: set[Key] = set()
    for place in range(1, bullets[-1] if bullets else 0):
        key, above = keys[place], keys[place - 1]
        label = _label_of(key)
        if not label or is_bulleted(key) or not (above in nested or (is_bulleted(above) and _label_of(above))):
            continue
        values = [prompt[lines[place].constant_end(key) : lines[place + 1].start].strip() for prompt, lines in rows]
        free = _field_name("", values) == "" and _share(map(ROLE_LINE.match, values)) < NEARLY_ALL
        if free and _share(values) >= NEARLY_ALL and not is_plan_label(label):
            nested.update(line_keys(key.text))
    return nested


def _assemble(keys: Sequence[Key], rows: list[tuple[str, list[Line]]]) -> _Pieces:
    """Build the template from records that have the same constant lines."""
    pieces = _Pieces()
    ends = [0] * len(rows)
    label = ""
    for place in range(len(keys) + 1):
        last = place == len(keys)
        starts = [len(prompt) if last else lines[place].start for prompt, lines in rows]
        gaps = [prompt[end:start] for (prompt, _), end, start in zip(rows, ends, starts, strict=True)]
        _add_gap(pieces, label, gaps)
        if last:
            return pieces
        key = keys[place]
        if key.sort == "technique":
            _add_techniques(pieces, key.text, [lines[place].text for _, lines in rows])
        else:
            pieces.add_constant(key.text)
        ends = [lines[place].constant_end(key) for _, lines in rows]
        label = _label_of(key)
    return pieces


def _add_gap(pieces: _Pieces, label: str, gaps: list[str]) -> None:
    """Add the text between two constant lines: blanks, or a value, a plan and a dialogue, each optional, in order."""
    filled = [gap for gap in gaps if gap.strip()]
    if len(filled) < (1 - NEARLY_ALL) * len(gaps) or not filled:
        pieces.add_constant(Counter(gap for gap in gaps if not gap.strip()).most_common(1)[0][0])
        return
    heads, tails = gaps, []
    if _share(map(_SPOKEN.search, filled)) >= NEARLY_ALL:
        cuts = [match.start(1) if (match := _SPOKEN.search(gap)) else len(gap) for gap in gaps]
        heads = [gap[:cut] for gap, cut in zip(gaps, cuts, strict=True)]
        tails = [gap[cut:] for gap, cut in zip(gaps, cuts, strict=True)]
    plans: list[str] = []
    if not is_plan_label(label) and _share(map(FIRST_STEP.search, heads)) >= NEARLY_ALL:
        cuts = [match.start() if (match := FIRST_STEP.search(head)) else 0 for head in heads]
        if _share(heads[row][:cut].strip() for row, cut in enumerate(cuts)) >= NEARLY_ALL:
            plans = [head[cut:] for head, cut in zip(heads, cuts, strict=True)]
            heads = [head[:cut] for head, cut in zip(heads, cuts, strict=True)]
            pieces.bare_plan = True
    if _share(head.strip() for head in heads) < 1 - NEARLY_ALL and tails:
        pieces.add_constant(Counter(heads).most_common(1)[0][0])
    else:
        name = _field_name(label, heads)
        pieces.named = pieces.named and bool(name)
        _add_value(pieces, name or "unnamed", heads)
    if plans:
        _add_value(pieces, "plan", plans)
    if tails:
        _add_value(pieces, "dialogue", tails)


def _add_value(pieces: _Pieces, name: str, values: list[str]) -> None:
    """Add a field with the blanks that nearly all records have before and after it."""
    filled = [value for value in values if value.strip()]
    before = _common_blanks([value[: len(value) - len(value.lstrip())] for value in filled])
    behind = _common_blanks([value[len(value.rstrip()) :][::-1] for value in filled])[::-1]
    pieces.add_constant(before)
    pieces.add_field(name, [value.removeprefix(before).removesuffix(behind) for value in values])
    pieces.add_constant(behind)


def _add_techniques(pieces: _Pieces, masked: str, texts: list[str]) -> None:
    """Add a line with technique names: one that nearly all records share is constant, one that varies is the field."""
    names = [[text[start:end] for start, end in technique_spans(text)] for text in texts]
    constants = masked.split(MASK)
    pieces.add_constant(constants[0])
    for place, constant in enumerate(constants[1:]):
        column = [row[place] for row in names]
        name, count = Counter(column).most_common(1)[0]
        if count >= NEARLY_ALL * len(column) and len(constants) > 2:
            pieces.add_constant(name)
        else:
            pieces.add_field("technique", column)
        pieces.add_constant(constant)


def _field_name(label: str, values: list[str]) -> str:
    """The field name of the values, by their content or else by their label; empty if neither tells."""
    filled = [value.strip() for value in values if is_known(value)]
    if _share(map(canonical_technique, filled)) >= NEARLY_ALL:
        return "technique"
    if _share(map(FIRST_STEP.match, filled)) >= NEARLY_ALL:
        return "plan"
    name = label_field(label)
    return name if name.isidentifier() or not name else f"field_{name}"


def _label_of(key: Key) -> str:
    """The label that a constant ends with; empty if it ends with none."""
    broadest = line_keys(key.text)[-1]
    return key.text if broadest.sort == "label" and broadest.text.rstrip() == key.text.rstrip() else ""


def _common_blanks(blanks: list[str]) -> str:
    """The longest prefix of nearly all of them."""
    longest = Counter(blanks).most_common(1)[0][0]
    while longest and _share(blank.startswith(longest) for blank in blanks) < NEARLY_ALL:
        longest = longest[:-1]
    return longest


def _share(verdicts: Iterable[object]) -> float:
    """The fraction of true values; 0.0 if there are none."""
    found = [bool(verdict) for verdict in verdicts]
    return sum(found) / len(found) if found else 0.0
