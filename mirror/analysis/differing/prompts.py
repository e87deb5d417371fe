"""Caveats on prompts: arms that were asked in other words than their variants need.

The prompts of different variants differ in fields (`technique`, `plan`, `client_emotional_state`) and kinds
(`planning`, `emotion_recognition`). Only the parts that two arms share are compared.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from mirror.prompts import KINDS, PromptSet, PromptTemplate
from mirror.transcripts.arm import Arm

IMAGE = "<image>"
LONGEST = 90  # characters of a prompt that a caveat quotes


class Difference(NamedTuple):
    """The first part in which two templates differ: its name and its two texts."""

    part: str
    first: str
    second: str


def different_prompts(arms: Sequence[Arm]) -> list[str]:
    """Lists a caveat for each arm whose prompts are worded differently from the first arm's, or were not recorded.

    Raises:
        ValueError: the recorded prompts of a run are damaged.
    """
    known = [arm for arm in arms if _facts(arm)]
    found = []
    for arm in known[1:]:
        if differing := _compared(known[0], arm):
            names = f"{known[0].name} and {arm.name}"
            found.append(f"{names} were asked with different prompts{_origins(known[0], arm)}: {differing}.")
    if known and len(known) < len(arms):
        unknown = ", ".join(arm.name for arm in arms if arm not in known)
        found.append(f"The prompts of {unknown} were not recorded, so they may differ from those of {known[0].name}.")
    return found


def _facts(arm: Arm) -> dict[str, Any]:
    """The recorded facts about the counselor's prompts; empty if the run recorded none."""
    facts = (arm.provenance.get("cast") or {}).get("counselor") or {}
    return facts if facts.get("prompts") or facts.get("prompts_sha256") else {}


def _origins(one: Arm, other: Arm) -> str:
    """Where the prompts of two arms come from, if that was recorded and differs."""
    origins = [_facts(arm).get("prompts_from") for arm in (one, other)]
    if not all(origins) or origins[0] == origins[1]:
        return ""
    return f" ({one.name}: {origins[0]}; {other.name}: {origins[1]})"


def _compared(one: Arm, other: Arm) -> str:
    """What differs between the prompts of two arms, in words; empty if nothing does."""
    first, second = _facts(one), _facts(other)
    if first.get("prompts_sha256") and first.get("prompts_sha256") == second.get("prompts_sha256"):
        return ""
    if not (first.get("prompts") and second.get("prompts")):
        is_same_variant = one.settings["cot"] == other.settings["cot"]
        return "only their digests were recorded, and those differ" if is_same_variant else ""
    sets = [PromptSet.from_json(facts["prompts"]) for facts in (first, second)]
    phrases = []
    for kind in KINDS:
        a, b = ([counted.template for counted in prompts.templates.get(kind, ())] for prompts in sets)
        pairs = [differing_part(first_template, second_template) for first_template in a for second_template in b]
        differences = [difference for difference in pairs if difference]
        if pairs and len(differences) == len(pairs):  # no template of one arm has the wording of one of the other
            phrases.append(_quoted(kind, differences[0], one.name, other.name))
    return "; ".join(phrases)


def _quoted(kind: str, found: Difference, one: str, other: str) -> str:
    return f"{found.part} of the {kind} prompt is {_short(found.first)} in {one} and {_short(found.second)} in {other}"


def _short(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= LONGEST else words[:LONGEST] + " …")


def differing_part(one: PromptTemplate, other: PromptTemplate) -> Difference | None:
    """Finds the first part in which two templates of a kind differ; None if they agree.

    Compared are the order of the shared fields, the text before the first field, the text after the last one, and the
    text before each shared field. Of that text only the last line is compared if a field that only one template has
    stands before it, or if only one template has an image.
    """
    shared = set(one.fields) & set(other.fields)
    first_order, second_order = ([name for name in template.fields if name in shared] for template in (one, other))
    if first_order != second_order:
        return Difference("the order of the fields", ", ".join(first_order), ", ".join(second_order))
    first, second = _parts(one), _parts(other)
    if (IMAGE in one.text) != (IMAGE in other.text):
        first, second = _last_lines(first), _last_lines(second)
    for (before, name), text in first.items():
        if name not in shared and name:
            continue
        if (before, name) in second:
            texts = text, second[before, name]
        else:
            texts = _text_before(name, first), _text_before(name, second)
        if texts[0].split() != texts[1].split():
            return Difference(_part_name(before, name), *texts)
    return None


def _parts(template: PromptTemplate) -> dict[tuple[str, str], str]:
    """The text between neighboring fields, by their names; the empty name is the beginning or the end."""
    constants, names = template.parts
    return dict(zip(pairwise(["", *names, ""]), constants, strict=True))


def _last_lines(parts: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    return {fields: _last_line(text) for fields, text in parts.items()}


def _text_before(name: str, parts: dict[tuple[str, str], str]) -> str:
    """The line that introduces a field."""
    return _last_line(next(text for (_, field), text in parts.items() if field == name))


def _last_line(text: str) -> str:
    lines = [line for line in text.replace(IMAGE, "").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _part_name(before: str, name: str) -> str:
    if not (before or name):
        return "the text"
    if not name:
        return "the end"
    return f"the text before {name}" if before else "the beginning"
